"""C20: how much slower diffusion samples, by time and by multiplications, at its own steps and at the paper's."""

from paragone.evaluation.intervals import Interval
from paragone.results.claims.base import Claim, Effect, Evidence, Json, about, slower

TIMES = (300.0, 3000.0)  # "about 1000": within half an order of magnitude, at the paper's 1,000 steps
PAPER = 1000
EQUAL = 1.5

CLAIM = Claim(
    surveys=("hu",),
    sentence="DDPM samples about 1000 times slower than a GAN.",
    measured="Time to draw one image, and a batch, of DDPM over that of DCGAN, drawn in turn in one process; and "
    "multiply-accumulates an image, counted. With the row's network at the paper's 1,000 steps, where weights are "
    "fresh, since cost does not depend on them; and at the row's own steps, where 1000 times at 1,000 steps is once "
    "a step. The networks are the rows' own; the papers' are larger, DDPM's more so. What samplers of few steps cost "
    "is in the study `sampling_curve`.",
    rule="About 1000 times at 1,000 steps: the whole interval over rounds between 300 and 3,000; at the row's own "
    "steps between 0.3 and 3 a step. Smaller than claimed below, contradicted above, no effect within 1/1.5 to 1.5.",
    rows=("dcgan", "ddpm"),
    studies=("sampling_time",),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d, (at_paper_steps, own, fast) in evidence.timed("ddpm@paper", "ddpm", "dcgan"):
        for slow, part in ((at_paper_steps, "at the paper's steps"), (own, "per step")):
            low, high = (bound * slow["passes"] / PAPER for bound in TIMES)
            said = about(low, high, neutral=1.0, equal=EQUAL)
            of = f"{evidence.name('ddpm')} in {slow['passes']:,} steps over that of {evidence.name('dcgan')}"
            for size, drawn in (
                (slower(slow, fast, "first"), "the first image"),
                (slower(slow, fast, "batch"), f"a batch of {slow['n']}"),
            ):
                what = f"Time to {drawn} of {of}, {evidence.title(d)}"
                result.append(Effect(what, "times", size, said, "rounds", part=part))
            what = f"Multiply-accumulates an image of {of}, {evidence.title(d)}"
            result.append(Effect(what, "times", _macs(slow, fast), said, "count", part=part))
    return result


def _macs(slow: Json, fast: Json) -> Interval:
    """How many times as many; a count, the same each time."""
    ratio = slow["macs"] / fast["macs"]
    return Interval(ratio, ratio, ratio, 1)
