"""How well single latents represent single factors, on data where the factors of every image are known.

Scores of the means of q(z|x), averaged over the factors:

    mig         Chen et al. 2018, https://arxiv.org/abs/1802.04942, eq. 6: the mutual information of a factor with the
                most informative latent, less that with the second best, over the factor's entropy. Means are cut
                into 20 equal bins, as Locatello et al. 2019 do (https://arxiv.org/abs/1811.12359)
    sap         Kumar et al. 2018, https://arxiv.org/abs/1711.00848, section 3: how well the best latent alone predicts
                a factor, less how well the second best does, on test images. An ordered factor by the squared
                correlation; a categorical one by thresholds on the latent, in balanced accuracy, of which
                1 / classes is chance: so much less than 1 is the best of such a factor
    factor_vae  Kim and Mnih 2018, https://arxiv.org/abs/1802.05983, section 3: many images that share one factor's
                value vote for the latent that varies least among them; the share of votes from which a majority rule,
                learned from other votes, tells the factor. 1 / factors is chance
    dci         Eastwood and Williams 2018, https://openreview.net/forum?id=By-7dz-AZ, section 2: a random forest learns
                each factor from all latents, and says how much it goes by each. 1 less the normalised entropy of a
                latent's importances over factors, weighted by its share of all importance. Beside it `completeness`,
                the same of a factor's over latents; and `informativeness`, what the forests explain of the factors of
                test images: balanced accuracy of a categorical one, of an ordered one its share of variance

An ordered factor of many values is cut into `levels` for votes and mutual information. A latent whose rate is below
0.01 nats tells next to nothing of an image, whatever its mean does, and is held constant; of a model that knows no rate
all latents count.

Libraries: disentanglement_lib (1.5, 2020) needs TensorFlow, latte-metrics (2023) a Python before 3.11, disent's newer
releases (0.9) one after it. disent 0.8.0 would install, with Lightning and h5py, but takes its own data classes alone
and draws from NumPy's global state. So the scores are a few lines each on scikit-learn; the test holds MIG and the
ordered half of SAP to disent's values. For the other half disent fits a linear one-against-all classifier, which cannot
cut a middle class out of one latent.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import balanced_accuracy_score, mutual_info_score, r2_score
from sklearn.tree import DecisionTreeClassifier

from paragone.data import base as datasets
from paragone.engine import hardware
from paragone.engine.seeding import Stream, mix
from paragone.evaluation import factors
from paragone.evaluation.factors import Factors, Flags, Floats, Ints
from paragone.evaluation.studies.base import Work
from paragone.project import files, paths


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ()  # if none are named, all with an encoder, on the data sets that are drawn
    categorical: tuple[str, ...] = ("shape", "colour", "background")  # factors whose values have no order
    levels: int = 16  # into which an ordered factor is cut
    bins: int = 20  # into which a latent is cut
    votes: int = 2000  # half of them fit the majority rule, half test it
    batch: int = 64  # images per vote
    trees: int = 20  # of each forest

    def __post_init__(self) -> None:
        for name in ("levels", "bins", "votes", "batch", "trees"):
            if getattr(self, name) < 2:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 2")


depends = factors.depends


def measure(work: Work) -> dict[str, Any]:
    """{data set: {n, n_test, factors: {name: levels}, rows: {row: [{seed, mig, sap, ...}]}, left_out: [run]}}."""
    found = {dataset: _dataset(work, dataset, runs) for dataset, runs in factors.encoded_by_dataset(work).items()}
    chosen = {key: getattr(work.options, key) for key in ("categorical", "levels", "bins", "votes", "batch", "trees")}
    return {**chosen, "datasets": found}


def _dataset(work: Work, dataset: str, runs: list[paths.Run]) -> dict[str, Any]:
    prepared, options = work.root / paths.prepared(dataset), work.options
    known = factors.read(prepared, options.categorical, options.levels)
    images = torch.cat([datasets.load(prepared, split).images for split in datasets.SPLITS])
    rows: dict[str, list[dict[str, Any]]] = {run.model: [] for run in runs}
    left_out: list[dict[str, Any]] = []
    for run, model in factors.finished(work, runs, left_out):
        latents = factors.encode(model, images, hardware.device(), f"{dataset}: row '{run.model}'")
        scores = _scores(latents.codes * latents.active, known, options)
        active = {"active": int(latents.active.sum()), "latents": len(latents.active)}
        rows[run.model].append({"seed": run.seed, **scores, **active, **_evaluated(work.root / run.metrics)})
    levels = {name: int(v.max()) + 1 for name, v in zip(known.names, known.levels.T, strict=True)}
    return {"n": len(images), "n_test": int(known.test.sum()), "factors": levels, "rows": rows, "left_out": left_out}


def _evaluated(file: Path) -> dict[str, float | None]:
    """What the run's own evaluation says of reconstruction and rate (None where there is none), on test images."""
    metrics = files.read_json(file)
    return {"mse": metrics["reconstruction"]["mse"], "nats": metrics.get("rate", {}).get("nats")}


def _scores(codes: Floats, known: Factors, options: Options) -> dict[str, Any]:
    gaps = mig(codes, known.levels, options.bins)
    predicted = sap(codes, known.values, known.test, known.categorical)
    return {
        "mig": float(gaps.mean()),
        "sap": float(predicted.mean()),
        "factor_vae": factor_vae(codes, known.levels, options.votes, options.batch),
        **dci(codes, known.values, known.test, known.categorical, options.trees)._asdict(),
        "by_factor": {
            name: {"mig": float(gap), "sap": float(score)}
            for name, gap, score in zip(known.names, gaps, predicted, strict=True)
        },
    }


def mig(codes: Floats, levels: Ints, bins: int) -> Floats:
    """Mutual information gap of each factor, (K,); codes (N,J), levels (N,K)."""
    cut = [np.digitize(z, np.histogram_bin_edges(z, bins)[1:-1]) for z in codes.T]
    information = np.array([[mutual_info_score(v, z) for z in cut] for v in levels.T])  # (K,J) nats
    entropy = np.array([mutual_info_score(v, v) for v in levels.T])
    return _gap(information) / entropy


def sap(codes: Floats, values: Ints | Floats, test: Flags, categorical: Flags) -> Floats:
    """Separated attribute predictability of each factor, (K,); codes (N,J), values (N,K)."""
    scores = np.zeros((values.shape[1], codes.shape[1]))
    for k, v in enumerate(values.T):
        for j, z in enumerate(codes.T):
            scores[k, j] = _thresholds(z, v, test) if categorical[k] else _squared_correlation(z[test], v[test])
    return _gap(scores)


def _squared_correlation(z: Floats, v: Ints | Floats) -> float:
    return float(np.corrcoef(z, v)[0, 1] ** 2) if np.ptp(z) and np.ptp(v) else 0.0


def _thresholds(z: Floats, v: Ints | Floats, test: Flags) -> float:
    """Balanced accuracy on test images of as many intervals of one latent as there are classes."""
    tree = DecisionTreeClassifier(max_leaf_nodes=len(np.unique(v)), class_weight="balanced", random_state=0)
    tree.fit(z[~test, None], v[~test])
    return float(balanced_accuracy_score(v[test], tree.predict(z[test, None])))


class DCI(NamedTuple):
    """Disentanglement, completeness and informativeness."""

    dci: float
    completeness: float
    informativeness: float


def dci(codes: Floats, values: Ints | Floats, test: Flags, categorical: Flags, trees: int) -> DCI:
    """The three scores, each at most 1; codes (N,J), values (N,K)."""
    importance, told = np.zeros((codes.shape[1], values.shape[1])), []
    for k, v in enumerate(values.T):
        forest = _forest(categorical[k], trees).fit(codes[~test], v[~test])
        importance[:, k] = forest.feature_importances_
        score = balanced_accuracy_score if categorical[k] else r2_score
        told.append(max(0.0, float(score(v[test], forest.predict(codes[test])))))
    by_latent, by_factor = importance.sum(1), importance.sum(0)
    weights = by_latent / max(by_latent.sum(), 1e-12)
    one_factor = _concentration(importance / np.maximum(by_latent, 1e-12)[:, None])
    one_latent = _concentration((importance / np.maximum(by_factor, 1e-12)).T)
    return DCI(float(weights @ one_factor), float((one_latent * (by_factor > 0)).mean()), float(np.mean(told)))


def _forest(categorical: bool, trees: int) -> Any:
    """Every latent may split every node, or latents that tell the same would share the credit."""
    settings = {"n_estimators": trees, "min_samples_leaf": 5, "max_features": None, "random_state": 0}
    if categorical:
        return RandomForestClassifier(class_weight="balanced", **settings)
    return RandomForestRegressor(**settings)


def _concentration(shares: Floats) -> Floats:
    """1 less the entropy of each row over its largest possible value: 1 where all of a row is in one place."""
    entropy = -(shares * np.log(np.maximum(shares, 1e-300))).sum(1)
    found: Floats = 1 - entropy / np.log(shares.shape[1])
    return found


def _gap(scores: Floats) -> Floats:
    """The best less the second best latent of each factor: (K,J) to (K,)."""
    if scores.shape[1] < 2:
        raise ValueError("one latent has no second best: MIG and SAP need at least two (z_dim)")
    ordered = np.sort(scores, 1)
    gap: Floats = ordered[:, -1] - ordered[:, -2]
    return gap


def factor_vae(codes: Floats, levels: Ints, votes: int, batch: int) -> float:
    """The share of held-out votes that the majority rule reads right; codes (N,J), levels (N,K).

    The votes are drawn alike for all models of a data set, so scores differ by the codes alone.
    """
    pools = [
        [members for level in np.unique(v) if len(members := np.flatnonzero(v == level)) >= batch] for v in levels.T
    ]
    if not all(pools):
        raise ValueError(f"no {batch} images share a value of some factor; lower the study's batch or its levels")
    varies = np.ptp(codes, 0) > 0
    if not varies.any():
        return 1 / len(pools)  # every vote is the same
    scaled = codes[:, varies] / codes[:, varies].std(0)
    draw = np.random.default_rng(mix(0, Stream.EVALUATE))
    chosen = draw.integers(len(pools), size=votes)  # which factor is held
    least = np.empty(votes, np.int64)
    for i, k in enumerate(chosen):
        pool = pools[k][draw.integers(len(pools[k]))]
        least[i] = scaled[draw.choice(pool, batch, replace=False)].var(0).argmin()
    counts = np.zeros((scaled.shape[1], len(pools)), np.int64)
    half = votes // 2
    np.add.at(counts, (least[:half], chosen[:half]), 1)
    return float((counts.argmax(1)[least[half:]] == chosen[half:]).mean())
