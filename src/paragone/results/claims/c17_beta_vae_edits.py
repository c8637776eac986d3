"""C17: how often an edit in beta-VAE's latents makes the wanted change, and how often it leaves the rest as it was."""

from paragone.evaluation import intervals
from paragone.results.claims.base import SEEDS, Claim, Effect, Evidence, Json, NotMeasuredError, above

ROWS = ("beta_vae_4", "beta_tcvae_4")  # the weight of the paper (Higgins et al. 2017, figure 7)
BOUND = 0.75
PERFECT = 0.9  # of perfect edits must pass, or the classifier is too strict to say anything about a model
WAYS = {"latent": "of one latent", "direction": "along a direction"}
PARTS = {"changed": "wanted change", "kept": "kept rest"}

CLAIM = Claim(
    surveys=("hu",),
    sentence="beta-VAE edits succeed more than 75 % of the time; its images are blurred (SSIM below 0.65 at 512 x "
    "512).",
    measured="Share of edits of test images, in the latents of beta-VAE and of beta-TCVAE with beta 4, after which a "
    "network that was taught to read the factors reads the wanted one as asked for; and, apart, the share after "
    "which it reads all others as on the reconstruction that was edited. By moving the one latent that varies most "
    "with the factor, and by moving all that do. Beside them, not in this verdict: the share of edits with both; and "
    "the SSIM of reconstructions at the size of the data, far from 512 x 512.",
    rule="Each share above 75 %, the whole interval; contradicted where all of it lies below; mixed where the wanted "
    "change is made and the rest not kept. Measured only where at least 90 % of perfect edits, drawn afresh with the "
    "target value, pass.",
    rows=ROWS,
    studies=("edits",),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for dataset, found in evidence.study("edits")["datasets"].items():
        if found["perfect"] < PERFECT:
            raise NotMeasuredError(f"{dataset}: only {found['perfect']:.0%} of perfect edits pass the classifier")
        for row in ROWS:
            result += _of_row(evidence, dataset, found, row)
    if not result:
        raise NotMeasuredError("study 'edits' found no data set that is drawn from known factors")
    return result


def _of_row(evidence: Evidence, dataset: str, found: Json, row: str) -> list[Effect]:
    runs = found["rows"].get(row, [])
    if len(runs) < SEEDS:
        raise NotMeasuredError(f"{dataset}: {len(runs)} seeds of '{row}' were edited; it takes at least {SEEDS}")
    result = []
    for way, label in WAYS.items():
        for key, part in PARTS.items():
            step = 1 / (found["n"] * len(runs[0][way]["by_factor"]))  # one edit more or less
            size = intervals.mean([_share(run[way], key) for run in runs], resolution=step)
            what = f"{part.capitalize()} in edits {label}, {evidence.name(row)}, {evidence.title(dataset)}"
            note = _note(evidence, dataset, found, row, way)
            result.append(Effect(what, "%", size, above(BOUND), note=note, part=part))
    return result


def _share(edits: Json, key: str) -> float:
    """The share of edits, averaged over the factors."""
    by_factor = edits["by_factor"].values()
    return sum(float(factor[key]) for factor in by_factor) / len(by_factor)


def _note(evidence: Evidence, dataset: str, found: Json, row: str, way: str) -> str:
    """What is reported beside an effect but is not part of its verdict, and what it leaves out."""
    runs = found["rows"][row]
    both, ssim = (sum(v) / len(runs) for v in ([r[way]["success"] for r in runs], [r["ssim"] for r in runs]))
    parts = [f"both in {both:.0%}", f"SSIM {ssim:.2f} at {found['side']} x {found['side']}"]
    parts += [f"'{name}' left out, read right on {found['accuracy'][name]:.0%}" for name in found["left_out"]]
    return ", ".join(filter(None, [*parts, evidence.left_out(dataset, row)]))
