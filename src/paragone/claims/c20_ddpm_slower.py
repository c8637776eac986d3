"""C20: how much slower diffusion samples, image by image and in batches."""

from paragone.claims.base import Claim, Effect, Evidence, times

CLAIM = Claim(
    surveys=("hu",),
    sentence="DDPM samples about 1000 times slower than a GAN.",
    measured="Time to draw one image, and throughput at the profile's batch, of DDPM against DCGAN, on the same "
    "machine. The row states how many steps its DDPM takes; with the paper's 1,000 the ratio grows accordingly.",
    rule="Supported where the ratio is at least 300 (half an order of magnitude below 1000) and the interval over "
    "seeds lies above 1; contradicted where the interval lies below 300.",
    rows=("dcgan", "ddpm"),
)


def judge(evidence: Evidence) -> list[Effect]:
    effects = []
    for d in evidence.datasets(*CLAIM.rows):
        effects.append(times(evidence, d, "sampling.latency_ms", "Latency", "ddpm", "dcgan", 300))
        effects.append(times(evidence, d, "sampling.images_per_second", "Throughput", "dcgan", "ddpm", 300))
    return effects
