"""C18: what quantisation costs a reconstruction, against the same network without it."""

from paragone.evaluation import intervals
from paragone.results import measures
from paragone.results.claims.base import Claim, Effect, Evidence, about

PAIRS = (("autoencoder", "vq_vae_512_restarts"), ("autoencoder_2", "vq_vae_2_512"))  # without quantisation, with
VQGAN = ("vqgan_plain", "vqgan_512")
SAID = about(1.0, 3.0, neutral=0.0, equal=0.5)  # dB: "about 2"

CLAIM = Claim(
    surveys=("hu",),
    sentence="VQ-VAE-2 with K = 512 codes loses about 2 dB of PSNR to quantisation.",
    measured="PSNR of reconstructed test images of VQ-VAE-2's network without quantisation, less that with 512 codes "
    "at each of its two levels; and the same of VQ-VAE, with one level, and of VQGAN where the profile has it. Unused "
    "codes are restarted, so that it is quantisation that costs and not codes that lie idle (C19).",
    rule="About 2 dB: the whole interval between 1 and 3 dB. Smaller than claimed where it lies below 1, "
    "contradicted where it lies above 3 or below 0, no effect within 0.5 dB.",
    rows=tuple(row for pair in PAIRS for row in pair),
    joins=VQGAN,
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for pair in (*PAIRS, *([VQGAN] if evidence.has(*VQGAN) else [])):
        for d in evidence.datasets(*pair):
            plain, quantised = evidence.figures(d, pair, measures.PSNR)
            what = f"PSNR lost to quantisation by {evidence.name(pair[1])}, {evidence.title(d)}"
            size = intervals.difference(plain, quantised)
            result.append(Effect(what, "dB", size, SAID, note=evidence.left_out(d, *pair)))
    return result
