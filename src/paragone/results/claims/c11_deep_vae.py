"""C11: what depth does to a VAE's gradients and to the bound that it reaches on its training images."""

from itertools import pairwise

from paragone.evaluation import intervals
from paragone.results import measures
from paragone.results.claims.base import SEEDS, Claim, Effect, Evidence, Json, NotMeasuredError, at_least

SMALLEST = 1.2e-38  # of float32's normal numbers: a norm below counts as that
NVAE = ("nvae_2", "nvae_4", "nvae_8")  # by groups of latents
SETTLED = 1.0  # nats that the bound may still gain over the last quarter
NETWORKS = {
    "tanh": "tanh, weights from N(0, 0.01)",
    "glorot": "tanh, Glorot's weights",
    "relu": "ReLU, He's weights",
}

CLAIM = Claim(
    surveys=("li",),
    sentence="More depth gives a VAE more capacity but makes it harder to train (vanishing gradients).",
    measured="Fully connected VAEs of growing depth, of tanh units and of ReLU, with the weights that the study "
    "states. Vanishing: at the start, the gradient norm of the encoder's first layer over that of the decoder's last, "
    "of the shallowest over the deepest. Harder: the training images' bound of the shallowest less that of the "
    "deepest, which can represent as much; capacity: that of the second depth less that of the first. Both by the "
    "training bound, where training has settled: over the last quarter it gains less than 1 nat at either depth. "
    "Hierarchy, where the profile has it: NVAE's bound of test images in bits per dimension, with 2 groups of latents "
    "less with 4, and with 4 less with 8, after equally many images; and, where the study `hierarchy` has run, the "
    "gradient norm of its top group over that of its bottom group before training, of 2 groups over 8.",
    rule="Vanishing: at least 10 times, within 1/2 to 2 no effect. Harder and capacity: at least 2 nats, within 2 no "
    "effect. Hierarchy: at least 0.02 bits per dimension, within 0.02 no effect; contradicted where the deeper one is "
    "worse. Its gradient: at least 10 times, within 1/2 to 2 no effect.",
    joins=NVAE,
    studies=("gradients",),
    joined_studies=("hierarchy",),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d, found in evidence.study("gradients")["datasets"].items():
        for network, runs in found["depth"].items():
            by_depth = _by_depth(d, network, runs)
            first, second, *_ = depths = sorted(by_depth)
            last = depths[-1]
            of = f"({NETWORKS[network]}, {evidence.title(d)})"
            size = intervals.ratio(*([_through(run) for run in by_depth[depth]] for depth in (first, last)))
            what = f"Gradient that reaches the first layer, {_layers(first)} over {last} {of}"
            result.append(Effect(what, "times", size, at_least(10.0, equal=2.0), part="vanishing"))
            for part, better, worse in (("harder", first, last), ("capacity", second, first)):
                if not _settled(by_depth[better]) or not _settled(by_depth[worse]):
                    continue
                size = intervals.difference(*([run["train_bound"] for run in by_depth[k]] for k in (better, worse)))
                what = f"{part.capitalize()}: training bound of {_layers(better)} less that of {worse} {of}"
                result.append(Effect(what, "nats", size, at_least(2.0, neutral=0.0), part=part))
    return [*result, *_hierarchy(evidence)]


def _hierarchy(evidence: Evidence) -> list[Effect]:
    """NVAE's bound by groups of latents, each number against the next, where the profile has them."""
    if not evidence.has(*NVAE):
        return []
    result, said = [], at_least(0.02, neutral=0.0)
    for d in evidence.datasets(*NVAE):
        evidence.require_equal(d, NVAE, measures.IMAGES, "training images")
        for shallow, deep in pairwise(NVAE):
            size = intervals.difference(*evidence.figures(d, (shallow, deep), measures.BITS))
            what = f"Bits per dimension of {evidence.name(shallow)} less those of {evidence.name(deep)}"
            note = evidence.left_out(d, shallow, deep)
            result.append(Effect(f"{what}, {evidence.title(d)}", "bits/dim", size, said, note=note, part="hierarchy"))
        result += _through_groups(evidence, d)
    return result


def _through_groups(evidence: Evidence, dataset: str) -> list[Effect]:
    """What reaches the top group of the shallowest NVAE over what reaches that of the deepest, if it was measured."""
    measured = evidence.studies.get("hierarchy", {}).get("datasets", {}).get(dataset)
    if measured is None:
        return []
    shallow, deep = ({run["seed"]: _through(run) for run in measured["rows"].get(NVAE[i], [])} for i in (0, -1))
    if len(seeds := sorted(set(shallow) & set(deep))) < SEEDS:
        raise NotMeasuredError(
            f"{dataset}: study 'hierarchy' has {len(seeds)} seeds of both {NVAE[0]} and {NVAE[-1]}; it takes {SEEDS}"
        )
    size = intervals.ratio([shallow[seed] for seed in seeds], [deep[seed] for seed in seeds])
    names = f"{evidence.name(NVAE[0])} over {evidence.name(NVAE[-1])}"
    what = f"Gradient that reaches the top group, {names}, {evidence.title(dataset)}"
    return [Effect(what, "times", size, at_least(10.0, equal=2.0), part="hierarchy's gradient")]


def _settled(runs: list[Json]) -> bool:
    """Does the training bound hardly rise any more, on average over seeds?"""
    return bool(sum(run["gain"] for run in runs) / len(runs) < SETTLED)


def _layers(depth: int) -> str:
    return f"{depth} hidden layer{'s' * (depth > 1)}"


def _through(run: Json) -> float:
    """The gradient norm of the first layer or group over the last's, before training."""
    first, *_, last = (max(norm, SMALLEST) for norm in run["before"])
    return first / last


def _by_depth(dataset: str, network: str, runs: list[Json]) -> dict[int, list[Json]]:
    """The runs of each depth in the order of their seeds. Raises NotMeasuredError."""
    for run in runs:
        if run["outcome"] != "finished":
            raise NotMeasuredError(
                f"{dataset}: study 'gradients': {network}, {run['depth']} hidden layers, seed {run['seed']} "
                f"{run['outcome']}: {run['reason']}"
            )
    seeds = {run["seed"] for run in runs}
    if len(seeds) < SEEDS:
        raise NotMeasuredError(f"{dataset}: study 'gradients' has {len(seeds)} seeds; it takes at least {SEEDS}")
    depths = {run["depth"] for run in runs}
    return {d: sorted((run for run in runs if run["depth"] == d), key=lambda run: run["seed"]) for d in depths}
