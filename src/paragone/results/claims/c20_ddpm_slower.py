"""C20: how much slower diffusion samples, image by image and in batches, at its own steps and at the paper's."""

from paragone.results.claims.base import Claim, Effect, Evidence, decide, slower

A_STEP = 0.3  # times DCGAN's time, for every step that is taken

CLAIM = Claim(
    surveys=("hu",),
    sentence="DDPM samples about 1000 times slower than a GAN.",
    measured="Time to draw one image, and a batch, of DDPM over that of DCGAN, drawn in turn in one process: at the "
    "row's own number of steps, and with the same network at the paper's 1,000, where weights are fresh, since time "
    "does not depend on them. The networks are the rows' own; the papers' are larger, DDPM's more so.",
    rule="A thousand times at a thousand steps is once a step. Supported where the ratio is at least 0.3 for every "
    "step that is taken (300 at the paper's 1,000: half an order of magnitude below the sentence) and the interval "
    "over rounds lies above 1; contradicted where the interval lies below 0.3 per step.",
    rows=("dcgan", "ddpm"),
    studies=("sampling_time",),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d, (at_paper_steps, at_own_steps, fast) in evidence.timed("ddpm@paper", "ddpm", "dcgan"):
        for slow in (at_paper_steps, at_own_steps):
            bound = A_STEP * slow["passes"]
            for images in ("first", "batch"):
                size = slower(slow, fast, images)
                drawn = "the first image" if images == "first" else f"a batch of {slow['n']}"
                what = (
                    f"Time to {drawn} of {evidence.name('ddpm')} in {slow['passes']:,} steps over that of "
                    f"{evidence.name('dcgan')}, {evidence.title(d)}"
                )
                result.append(Effect(what, "times", size, 1.0, bound, decide(size, 1.0, bound), "rounds"))
    return result
