"""C26: how many runs of each family collapse or diverge."""

from paragone import intervals
from paragone.claims.base import SEEDS, Claim, Effect, Evidence, NotMeasuredError, decide, decide_below

GANS = ("gan", "dcgan", "wgan", "wgan_gp", "lsgan", "sngan")
DIFFUSION = ("ddpm", "improved_ddpm")
FAILED = ("collapsed", "diverged")

CLAIM = Claim(
    surveys=("hu",),
    sentence="Diffusion training is stable; GAN training is not.",
    measured="Share of finished or diverged runs that collapsed or diverged (as `paragone.stability` defines it), of "
    "six GANs and of two diffusion models.",
    rule="Supported where at least a tenth of the GAN runs fail, the interval lying above 0.02, and the interval "
    "of the diffusion runs lies below 0.5; contradicted where they lie on the other side.",
    rows=(*GANS, *DIFFUSION),
)


def judge(evidence: Evidence) -> list[Effect]:
    gans, diffusion = _share(evidence, GANS), _share(evidence, DIFFUSION)
    return [
        Effect("GAN runs that collapse or diverge", "%", gans, 0.02, 0.1, decide(gans, 0.02, 0.1), "runs"),
        Effect("Diffusion runs that do", "%", diffusion, 0.5, 0.5, decide_below(diffusion, 0.5), "runs"),
    ]


def _share(evidence: Evidence, rows: tuple[str, ...]) -> intervals.Interval:
    runs = evidence.results.runs
    own = runs[runs["model"].isin(rows) & runs["outcome"].isin(["finished", "diverged"])]
    few = [row for row in rows if (own["model"] == row).sum() < SEEDS]
    if few:
        raise NotMeasuredError(f"fewer than {SEEDS} runs of {', '.join(few)} ended")
    return intervals.share(int(own["stability.state"].isin(FAILED).sum()), len(own))
