"""C26: how many runs of each family collapse or diverge."""

from paragone.results import crashes
from paragone.results.claims.base import Claim, Effect, Evidence, decide, decide_below

GANS = ("gan", "dcgan", "wgan", "wgan_gp", "lsgan", "sngan")
DIFFUSION = ("ddpm", "improved_ddpm")

CLAIM = Claim(
    surveys=("hu",),
    sentence="Diffusion training is stable; GAN training is not.",
    measured="Share of runs that learned or diverged which collapsed or diverged (as `evaluation.stability` defines "
    "it, from the samples of each run), of six GANs and of two diffusion models, on every data set of the profile.",
    rule="Supported where at least a tenth of the GAN runs crash, Wilson's interval lying above 2 %, and the interval "
    "of the diffusion runs lies below 30 %; contradicted where they lie on the other side.",
    rows=(*GANS, *DIFFUSION),
)


def effects(evidence: Evidence) -> list[Effect]:
    gans, diffusion = (crashes.count(evidence, rows) for rows in (GANS, DIFFUSION))
    unstable, stable = decide(gans.share, 0.02, 0.1), decide_below(diffusion.share, 0.3)
    return [
        Effect("GAN runs that collapse or diverge", "%", gans.share, 0.02, 0.1, unstable, "runs", gans.note),
        Effect("Diffusion runs that do", "%", diffusion.share, 0.3, 0.3, stable, "runs", diffusion.note),
    ]
