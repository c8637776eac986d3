"""How long a flow will still take on this machine, from what its stages took before and from how fast they go now."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from statistics import mean

from flows.dvc import graph as graphs

BAR = re.compile(r"\[(?:\d+:)*\d+<((?:\d+:)*\d+)")  # what tqdm says of the time that a loop has left
TAIL = 2_000  # bytes of a log that are read
ENOUGH = 30.0  # seconds that stages take elsewhere, from which on they tell how fast this machine is
ONE_BAR = ("train", "sample")  # kinds of stage whose bar counts all that they do; a classifier has one for each judge
USUAL = Path(__file__).parent / "usual_seconds"


def usual_seconds(profile: str) -> dict[str, float]:
    """Seconds that the stages of a profile took on a machine of two cores; {} for a profile never measured there.

    A first flow on another machine takes them for ratios: how long a training takes beside the stages that are done.
    """
    file = USUAL / f"{profile}.json"
    found: dict[str, float] = json.loads(file.read_text()) if file.exists() else {}
    return found


def seconds_left(log: Path) -> float | None:
    """What the progress bar at the end of a log says is left, in seconds; None where the log does not end in one."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL))
            text = file.read().decode(errors="replace")
    except OSError:
        return None
    found = BAR.findall(re.split(r"[\r\n]+", text.rstrip())[-1])
    if not found:
        return None
    left = 0
    for part in found[-1].split(":"):
        left = 60 * left + int(part)
    return float(left)


def left_by_bar(stage: str, log: Path) -> float | None:
    """The seconds that a running stage has left by its progress bar; None for a kind that has several bars, or none."""
    return seconds_left(log) if kind(stage) in ONE_BAR else None


def expect(
    waiting: Mapping[str, set[str]],
    running: Mapping[str, float | None],
    known: Mapping[str, float],
    slots: int,
    usual: Mapping[str, float] | None = None,
) -> float | None:
    """Seconds until all stages are done; None while nothing is known that says how long the trainings will take.

    waiting: the stages to come, each with those that it waits for. running: the seconds that running ones have left,
    None where that is not known. known: what stages took or will take; one that is not in there counts as the mean of
    those of its kind (all trainings, all evaluations), or as the mean of all. slots: stages at once. usual: what stages
    take on another machine; this one is as much slower as it was over those that it knows.
    """
    both = known.keys() & (usual or {})
    if usual and (elsewhere := sum(usual[stage] for stage in both)) >= ENOUGH:
        slower = sum(known[stage] for stage in both) / elsewhere
        known = {stage: slower * seconds for stage, seconds in usual.items()} | dict(known)
    kinds: dict[str, list[float]] = {}
    for stage, seconds in known.items():
        kinds.setdefault(kind(stage), []).append(seconds)
    if not known or ("train" not in kinds and any(kind(stage) == "train" for stage in [*waiting, *running])):
        return None
    over_all = mean(known.values())

    def guess(stage: str) -> float:
        return known.get(stage, mean(kinds.get(kind(stage), [over_all])))

    left = {stage: guess(stage) for stage in waiting}
    left |= {stage: guess(stage) / 2 if seconds is None else seconds for stage, seconds in running.items()}
    above = {stage: inputs & set(left) for stage, inputs in waiting.items()} | {stage: set[str]() for stage in running}
    chain = max(graphs.urgency(above, left).values(), default=0.0)
    return max(chain, sum(left.values()) / slots)


def kind(stage: str) -> str:
    """What a stage does, without its data set, model or seed: `train` of `mnist-5k/vae train@0`."""
    return re.split(r"[@-]", re.split(r"[ :]", stage)[-1])[0]


def in_words(seconds: float) -> str:
    """A duration as people say it: `40 s`, `6 min`, `2 h 10 min`."""
    if seconds < 90:
        return f"{max(1, round(seconds)):d} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
