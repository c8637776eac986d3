"""C11: what depth does to a VAE's gradients and to the bound that it reaches."""

from paragone.evaluation import intervals
from paragone.results.claims.base import SEEDS, Claim, Effect, Evidence, Json, NotMeasuredError, decide

SMALLEST = 1.2e-38  # of float32's normal numbers: a norm below counts as that
NETWORKS = {
    "tanh": "tanh, weights from N(0, 0.01)",
    "glorot": "tanh, Glorot's weights",
    "relu": "ReLU, He's weights",
}

CLAIM = Claim(
    surveys=("li",),
    sentence="More depth gives a VAE more capacity but makes it harder to train (vanishing gradients).",
    measured="Fully connected VAEs of growing depth, of the paper's tanh units and weights, of tanh with Glorot's and "
    "ReLU with He's, at one short budget. Vanishing: at the start, the gradient norm of the encoder's first layer over "
    "that of the decoder's last, of the shallowest over the deepest. Harder: the test images' bound of the shallowest "
    "less that of the deepest. Capacity: the bound of the second depth less that of the first.",
    rule="Supported where the gradient vanishes at least 10 times as much, the shallowest's bound is higher by at "
    "least 2 nats, and the second depth's higher than the first's by as much, with intervals over seeds above 1, 0 and "
    "0; contradicted where they lie below 10, 2 and 2.",
    studies=("gradients",),
)


def effects(evidence: Evidence) -> list[Effect]:
    result = []
    for d, found in evidence.study("gradients")["datasets"].items():
        for network, runs in found["depth"].items():
            by_depth = _by_depth(d, network, runs)
            depths = sorted(by_depth)
            first, second, last = depths[0], depths[1], depths[-1]
            of = f"({NETWORKS[network]}, {evidence.title(d)})"
            size = intervals.ratio(*([_through(run) for run in by_depth[depth]] for depth in (first, last)))
            what = f"Gradient that reaches the first layer, {_layers(first)} over {last} {of}"
            result.append(Effect(what, "times", size, 1.0, 10.0, decide(size, 1.0, 10.0)))
            for word, better, worse in (("Harder", first, last), ("Capacity", second, first)):
                size = intervals.difference(*([run["bound"] for run in by_depth[depth]] for depth in (better, worse)))
                what = f"{word}: bound of {_layers(better)} less that of {worse} {of}"
                result.append(Effect(what, "nats", size, 0.0, 2.0, decide(size, 0.0, 2.0)))
    return result


def _layers(depth: int) -> str:
    return f"{depth} hidden layer{'s' * (depth > 1)}"


def _through(run: Json) -> float:
    """The first layer's gradient norm over the last's, before training."""
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
