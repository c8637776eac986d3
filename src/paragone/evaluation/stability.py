"""The stability of a training: gradient norms, oscillation of the losses, and whether it collapsed or diverged.

Everything follows from what a run records anyway: its curve (curves.csv) and its metrics. Each row of the curve is a
mean over 1/200 of the training, so faster oscillations are not seen.

    gradients     of an optimiser's parameters: the median and the 95th percentile of the norm over the training, and
                  its trend, the median of the last tenth over that of the first (far from 1: exploding or vanishing)
    oscillation   of a loss: the standard deviation of its residuals from a straight line over the last half of the
                  training, over its mean absolute value there. Multiplying the loss changes nothing; adding to it
                  does, so different losses are not comparable, and that of a critic that crosses 0 looks large
    state         diverged: a loss became NaN or infinite (`paragone.engine.loop`).
                  collapsed: the samples lack variety: more than a tenth of them repeat another, however good they are
                  (as Arora and Zhang 2017, https://arxiv.org/abs/1706.08224; of real images 0.5 % do); or,
                  of samples that look like the data, beyond what chance misses at least a tenth of the classes are
                  missing (`metrics.modes`; as Srivastava et al. 2017, https://arxiv.org/abs/1705.07761, count
                  modes), or coverage is below half of the floor's (Naeem et al. 2020,
                  https://arxiv.org/abs/2002.09797) in every space.
                  With as many classes as samples, the first of these errs on the side of "healthy": of 1,000 classes,
                  1,000 samples must lack about three in ten (in simulations; or two in ten with the rest drawn
                  unevenly) before they miss a tenth more than chance does. The study
                  `paragone.evaluation.studies.mode_coverage` draws more.
                  undertrained: precision is below half of the floor's in every space; or in one, and classes are
                  missing or coverage is low: images that are unlike the data cover none of it, varied or not.
                  healthy: none of these.

The thresholds were set before any run was classified by them. That "undertrained" takes precedence over classes and
coverage was decided afterwards: under the first rule all diffusion models and VAEs with too small a budget were called
collapsed. Until 2026-11-28 the classifiers' space alone was asked. Classifiers take any blob for a digit: runs of DCGAN
at a fifth of the budget counted as collapsed with no class missing. Now it takes every space to call a run collapsed by
its coverage, and one to doubt that. Until protocol 2 recall stood in coverage's place, and hardly told models
apart: a WGAN that covered 0.12 had a recall of 0.92. Poor images lower coverage too, but not by half: if a share p of
the samples is like the data and those are varied, as many samples as real images cover about 1 - (1 + p)^-5 of them
(k = 5), 0.87 of them at p = 1/2.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

Values = npt.NDArray[np.float64]  # (rows of the curve,)
State = Literal["healthy", "undertrained", "collapsed", "diverged"]
ROLES = {
    "critic": "adversary",
    "discriminator": "adversary",
    "d": "adversary",
    "generator": "generator",
    "g": "generator",
}
"""The role of an optimiser by its name; any other trains the model itself."""
MISSING = 0.1  # of the classes
REPEATED = 0.1  # of the samples
HALF = 0.5  # of the floor's coverage or precision


def of_curve(curve: pd.DataFrame) -> dict[str, float]:
    """`grad_median`, `grad_p95`, `grad_trend` and `oscillation`, each with a dot and the optimiser's role: `adversary`,
    `generator` or `model`.

    curve: `kimg`, `loss/<optimiser>` and `grad/<optimiser>`, one row per interval of the training; rows that are not
    finite are left out, and so is an optimiser with fewer than 20 others.
    """
    found: dict[str, float] = {}
    for column in map(str, curve):
        kind, _, optimizer = column.partition("/")
        role = ROLES.get(optimizer, "model")
        rows = curve[np.isfinite(curve[["kimg", column]]).all(axis=1)]
        if len(rows) < 20:
            continue
        values = rows[column].to_numpy(float)
        if kind == "grad":
            found |= {f"{key}.{role}": value for key, value in _gradients(values).items()}
        elif kind == "loss":
            found[f"oscillation.{role}"] = oscillation(rows["kimg"].to_numpy(float), values)
    return found


def _gradients(norms: Values) -> dict[str, float]:
    tenth = -(-len(norms) // 10)
    first, last = np.median(norms[:tenth]), np.median(norms[-tenth:])
    tiny = np.finfo(float).tiny
    return {
        "grad_median": float(np.median(norms)),
        "grad_p95": float(np.quantile(norms, 0.95)),
        "grad_trend": float(last / max(first, tiny)),
    }


def oscillation(kimg: Values, loss: Values) -> float:
    """Standard deviation around a straight line over the last half, relative to the mean absolute value there."""
    late = kimg >= kimg[-1] / 2
    x, y = kimg[late], loss[late]
    residuals = y - np.polyval(np.polyfit(x - x.mean(), y, 1), x - x.mean())
    return float(residuals.std() / max(np.abs(y).mean(), np.finfo(float).tiny))


def state(row: Mapping[str, Any], floor: Mapping[str, Any], spaces: Sequence[str]) -> State | None:
    """What became of a run, from its row of the wide table and the floor's figures under the same names.

    spaces: the feature spaces of precision and coverage. None for a run that neither finished nor diverged, or that
    lacks their figures.
    """
    if row["outcome"] == "diverged":
        return "diverged"
    precision, coverage = ([f"metrics.spaces.{s}.{key}" for s in spaces] for key in ("precision", "coverage"))
    if row["outcome"] != "finished" or not spaces or not {*precision, *coverage} <= row.keys() & floor.keys():
        return None
    if row["metrics.duplicates.rate"] > REPEATED:
        return "collapsed"
    poor = [row[key] < HALF * floor[key] for key in precision]
    narrow = all(row[key] < HALF * floor[key] for key in coverage) or missing_share(row) >= MISSING
    if all(poor) or (any(poor) and narrow):
        return "undertrained"
    return "collapsed" if narrow else "healthy"


def missing_share(row: Mapping[str, Any]) -> float:
    """The share of the classes that the samples miss beyond what as many real images would; 0 without classes."""
    if "metrics.modes.shares" not in row:
        return 0.0
    classes = len(json.loads(row["metrics.modes.shares"]))
    return max(0.0, row["metrics.modes.missing"] - row.get("metrics.modes.ideal", 0.0)) / classes
