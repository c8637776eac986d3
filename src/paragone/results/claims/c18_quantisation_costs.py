"""C18: what quantisation costs a reconstruction, against the same network without it."""

from paragone.evaluation import intervals
from paragone.results.claims.base import Claim, Effect, Evidence, decide_within

ROWS = ("autoencoder", "vq_vae_512_restarts")
LOW, HIGH = 1.0, 3.0  # dB: "about 2"

CLAIM = Claim(
    surveys=("hu",),
    sentence="VQ-VAE-2 with K = 512 codes loses about 2 dB of PSNR to quantisation.",
    measured="PSNR of reconstructed test images of VQ-VAE's network without quantisation, less that with 512 codes, "
    "unused ones restarted, so that it is quantisation that costs and not codes that lie idle (C19); one level of "
    "codes; VQ-VAE-2 is left out so far.",
    rule="Supported where the interval over seeds lies between 1 and 3 dB; contradicted where it lies outside.",
    rows=ROWS,
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d in evidence.datasets(*ROWS):
        plain, quantised = evidence.figures(d, ROWS, "metrics.reconstruction.psnr")
        size = intervals.difference(plain, quantised)
        what = f"PSNR lost to quantisation, {evidence.title(d)}"
        note = evidence.left_out(d, *ROWS)
        result.append(Effect(what, "dB", size, LOW, HIGH, decide_within(size, LOW, HIGH), note=note))
    return result
