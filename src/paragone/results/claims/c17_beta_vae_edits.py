"""C17: how often an edit in beta-VAE's latents does what was asked for, and nothing else."""

from paragone.evaluation import intervals
from paragone.results.claims.base import SEEDS, Claim, Effect, Evidence, Json, NotMeasuredError, decide

ROW = "beta_vae_4"  # the weight of the paper (Higgins et al. 2017, figure 7)
BOUND = 0.75
PERFECT = 0.9  # of perfect edits must pass, or the classifier is too strict to say anything about a model
WAYS = {"latent": "of one latent", "direction": "along a direction"}

CLAIM = Claim(
    surveys=("hu",),
    sentence="beta-VAE edits succeed more than 75 % of the time; its images are blurred (SSIM below 0.65 at 512 x "
    "512).",
    measured="Share of edits of test images, in the latents of beta-VAE with beta 4, after which a network that was "
    "taught to read the factors reads the wanted one as asked for and the others as on the reconstruction that was "
    "edited; by moving the one latent that varies most with the factor, and by moving all that do. Beside it, not in "
    "this verdict: the share if the others must read as on the image itself; and the SSIM of reconstructions at the "
    "size of the data, far from 512 x 512.",
    rule="Supported where the share exceeds 75 % and the interval over seeds lies above it; contradicted where the "
    "interval lies below; mixed where the two ways of editing differ so. Measured only where at least 90 % of perfect "
    "edits, drawn anew with the wanted factor, pass.",
    studies=("edits",),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for dataset, found in evidence.study("edits")["datasets"].items():
        if found["perfect"] < PERFECT:
            raise NotMeasuredError(f"{dataset}: only {found['perfect']:.0%} of perfect edits pass the classifier")
        runs = found["rows"].get(ROW, [])
        if len(runs) < SEEDS:
            raise NotMeasuredError(f"{dataset}: {len(runs)} seeds of '{ROW}' were edited; it takes at least {SEEDS}")
        for way, label in WAYS.items():
            size = intervals.mean([run[way]["success"] for run in runs])
            what = f"Edits {label} that succeed, {evidence.name(ROW)}, {evidence.title(dataset)}"
            verdict = decide(size, BOUND, BOUND)
            result.append(Effect(what, "%", size, BOUND, BOUND, verdict, note=_note(evidence, dataset, found, way)))
    if not result:
        raise NotMeasuredError("study 'edits' found no data set that is drawn from known factors")
    return result


def _note(evidence: Evidence, dataset: str, found: Json, way: str) -> str:
    """What stands beside an effect and is not in its verdict, and what it leaves out."""
    runs = found["rows"][ROW]
    faithful, ssim = (
        sum(values) / len(runs) for values in ([r[way]["faithful"] for r in runs], [r["ssim"] for r in runs])
    )
    parts = [f"{faithful:.0%} by the image itself", f"SSIM {ssim:.2f} at {found['side']} x {found['side']}"]
    parts += [f"'{name}' left out, read right on {found['accuracy'][name]:.0%}" for name in found["left_out"]]
    return ", ".join(filter(None, [*parts, evidence.left_out(dataset, ROW)]))
