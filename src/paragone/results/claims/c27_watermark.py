"""C27: how many marked samples are told from unmarked ones after changes on the way, marked after or at generation."""

from paragone.evaluation import intervals
from paragone.results.claims.base import SEEDS, Claim, Effect, Evidence, Json, NotMeasuredError, above, below

CHANGES = ("none", "jpeg 75", "resize 0.5", "crop 0.9", "noise 5")  # what a picture meets on the web
DETECTED = 0.9
INVISIBLE = 40.0  # dB
EQUAL = 1.1  # times the Frechet distance of unmarked images
PIXELS, NOISE = "in pixels, as handed out", "in the noise, at generation"

CLAIM = Claim(
    surveys=("hu",),
    sentence="An invisible watermark put in at generation can be traced afterwards.",
    measured="At generation: DDIM's samples from noise with a key in its Fourier rings (Wen et al. 2023), traced by "
    "running DDIM backwards. As handed out: sheets of 64 samples (256 px), each marked with 32 bits of its own in the "
    "way of the library invisible-watermark, without the fault by which its version 0.2.0 exchanges details of the "
    "picture. Share told from unmarked ones, at a false-positive rate of 1 %, as they are and after JPEG at quality "
    "75, resizing to half and back, cutting to nine tenths of width and height and enlarging again, and noise of 5 "
    "grey levels. Invisible: the PSNR of the marked sheets; the Frechet distance of images from marked noise over that "
    "of as many from unmarked.",
    rule="A verdict for either way. Invisible: PSNR above 40 dB, the whole interval over sheets; the distance below "
    "1.1 times, the whole interval over five seeds. Traced: after each change above 90 %, all of Wilson's interval. "
    "Contradicted where an interval lies on the other side.",
    studies=("watermark", "noise_watermark"),
)


def effects(evidence: Evidence) -> list[Effect]:
    return [*_pixels(evidence), *_noise(evidence)]


def _pixels(evidence: Evidence) -> list[Effect]:
    found = evidence.study("watermark")
    result = []
    for dataset, measured in found["datasets"].items():
        sheets = [s for row in found["rows"] if (s := measured["sheets"].get(row))]
        if not sheets:
            raise NotMeasuredError(f"study 'watermark': no samples of {', '.join(found['rows'])} on {dataset}")
        marked = [_default(found, marks) for marks in sheets]
        title = evidence.title(dataset)
        size = intervals.mean([value for marks in marked for value in marks["psnr"]])
        result.append(Effect(f"PSNR of marked sheets, {title}", "dB", size, above(INVISIBLE), "sheets", part=PIXELS))
        for change in CHANGES:
            hits = sum(marks["changes"][change]["detected"] for marks in marked)
            result.append(_traced(change, "sheets", hits, sum(len(marks["psnr"]) for marks in marked), title, PIXELS))
    return result


def _noise(evidence: Evidence) -> list[Effect]:
    found, result = evidence.study("noise_watermark"), []
    for dataset, measured in found["datasets"].items():
        runs = measured["runs"]
        if len(runs) < SEEDS:
            raise NotMeasuredError(f"{dataset}: study 'noise_watermark' has {len(runs)} seeds; it takes {SEEDS}")
        title = evidence.title(dataset)
        marked, unmarked = ([run["fd"][kind] for run in runs] for kind in ("marked", "unmarked"))
        what = f"FD-clf of images of {evidence.name(found['row'])} from marked noise over unmarked, {title}"
        result.append(Effect(what, "times", intervals.ratio(marked, unmarked), below(EQUAL), part=NOISE))
        for change in CHANGES:
            counts = [run["changes"][change] for run in runs]
            hits, n = (sum(c[key] for c in counts) for key in ("detected", "n"))
            passed, unmarked_n = (sum(c[key] for c in counts) for key in ("passed", "n_unmarked"))
            effect = _traced(change, "images", hits, n, title, NOISE)
            result.append(effect._replace(note=f"{passed} of {unmarked_n} unmarked images pass"))
    return result


def _traced(change: str, of: str, hits: int, n: int, title: str, part: str) -> Effect:
    what = f"Marked {of} detected after: {change}, {title}"
    return Effect(what, "%", intervals.share(hits, n), above(DETECTED), of, part=part)


def _default(found: Json, marks: list[Json]) -> Json:
    """The figures at the library's default strength."""
    return next(m for m in marks if [m["method"], m["strength"]] == found["default"])
