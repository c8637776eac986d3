"""C27: how many marked sheets of samples are still told from unmarked ones after they were changed on the way."""

from paragone.evaluation import intervals
from paragone.results.claims.base import Claim, Effect, Evidence, Json, NotMeasuredError, above

CHANGES = ("none", "jpeg 75", "resize 0.5", "crop 0.9", "noise 5")  # what a picture meets on the web
DETECTED = 0.9
INVISIBLE = 40.0  # dB

CLAIM = Claim(
    surveys=("hu",),
    sentence="An invisible watermark put in at generation can be traced afterwards.",
    measured="Sheets of 64 samples (256 px), each marked with 32 bits of its own at the library's default strength: "
    "share told from unmarked ones, at a false-positive rate of 1 %, as they are and after JPEG at quality 75, "
    "resizing to half and back, cutting to nine tenths of width and height and enlarging again, and noise of 5 grey "
    "levels; and the PSNR of the marked sheets.",
    rule="Supported where PSNR is at least 40 dB with the interval over sheets above it and, after each change, at "
    "least 90 % are detected with Wilson's interval above the false-positive rate; contradicted where an interval "
    "lies below 40 dB or 90 %.",
    studies=("watermark",),
)


def effects(evidence: Evidence) -> list[Effect]:
    found = evidence.study("watermark")
    result = []
    for dataset, measured in found["datasets"].items():
        sheets = [s for row in found["rows"] if (s := measured["sheets"].get(row))]
        if not sheets:
            raise NotMeasuredError(f"study 'watermark': no samples of {', '.join(found['rows'])} on {dataset}")
        marked = [_default(found, marks) for marks in sheets]
        title = evidence.title(dataset)
        size = intervals.mean([value for marks in marked for value in marks["psnr"]])
        what = f"PSNR of marked sheets, {title}"
        result.append(Effect(what, "dB", size, above(INVISIBLE), "sheets"))
        for change in CHANGES:
            hits = sum(marks["changes"][change]["detected"] for marks in marked)
            share = intervals.share(hits, sum(len(marks["psnr"]) for marks in marked))
            what = f"Marks detected after: {change}, {title}"
            result.append(Effect(what, "%", share, above(DETECTED), "sheets"))
    return result


def _default(found: Json, marks: list[Json]) -> Json:
    """The figures at the library's default strength."""
    return next(m for m in marks if [m["method"], m["strength"]] == found["default"])
