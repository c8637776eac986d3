"""C15: DCGAN's latency. How often it collapses is measured on many modes and seeds (profile `stability`)."""

from paragone.claims.base import Claim, Effect, Evidence, value

CLAIM = Claim(
    surveys=("hu",),
    sentence="DCGAN samples in milliseconds.",
    measured="Median time to draw one image, on the hardware that the table states. The sentence's second half (it "
    "collapses in more than 30 % of cases) needs many seeds: see C06 and the profile `stability`.",
    rule="Supported where the interval over seeds lies below 10 ms; contradicted where it lies above.",
    rows=("dcgan",),
)


def judge(evidence: Evidence) -> list[Effect]:
    return [
        value(evidence, d, "sampling.latency_ms", "Latency", "dcgan", "ms", 10) for d in evidence.datasets(*CLAIM.rows)
    ]
