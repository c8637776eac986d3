"""The study of gradients: its losses are the models', its gradients autograd's, its networks as deep as they say."""

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from paragone.data import base as datasets
from paragone.engine import checkpoint
from paragone.engine.seeding import Stream, seed_all
from paragone.evaluation.studies import gradients
from paragone.evaluation.studies.gradients import GAMES, Options
from paragone.models.base import Model, Progress, Spec
from paragone.models.gan.dcgan import DCGAN
from paragone.models.gan.lsgan import LSGAN
from paragone.models.gan.wgan import WGAN
from paragone.models.gan.wgan_gp import WGANGP
from paragone.project import files, paths
from paragone.project.params import ParamsError
from paragone.report.studies import gradients as report
from paragone.results import runs as results
from paragone.stages import study, train
from support import square_images

SPEC = Spec((1, 16, 16))
X = torch.rand(8, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
MODELS: dict[str, Any] = {
    "vae": square_images.VAE,
    "dcgan": {"plan": {"kimg": 0.2}, "config": {"width": 4, "lr": 2e-3}},
}
OPTIONS: dict[str, Any] = {
    "steps": 40, "every": 2, "batch": 16, "probe": 32, "hidden": 16, "z_dim": 4, "depths": [1, 8],
    "vae_kimg": 0.1, "vae_batch": 20,
}  # fmt: skip


def params(**options: Any) -> square_images.Params:
    return square_images.params(models=MODELS, seeds=[0, 1], studies={"gradients": OPTIONS | options})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    square_images.prepare(root)
    for row, seed in (("dcgan", 0), ("dcgan", 1), ("vae", 0)):
        train.run(root, params(), "small", "squares", row, seed)
    return root


@pytest.fixture(scope="module")
def found(project: Path) -> dict[str, Any]:
    study.run(project, params(), "small", "gradients")
    return read(project)["datasets"]["squares"]


def read(project: Path) -> dict[str, Any]:
    return files.read_json(project / paths.study("small", "gradients"))


@pytest.mark.parametrize(
    ("game", "make"),
    [
        (GAMES[0], lambda: DCGAN(DCGAN.Config(width=4, z_dim=8), SPEC)),
        (GAMES[1], lambda: LSGAN(LSGAN.Config(width=4, z_dim=8, network="dcgan"), SPEC)),
        (GAMES[2], lambda: WGAN(WGAN.Config(width=4, z_dim=8, n_critic=1), SPEC)),
        (GAMES[3], lambda: WGANGP(WGANGP.Config(width=4, z_dim=8, n_critic=1, penalty_every=2), SPEC)),
    ],
    ids=["dcgan", "lsgan", "wgan", "wgan_gp"],
)
def test_the_losses_are_those_of_the_models(game: gradients.Game, make: Callable[[], Model]) -> None:
    """On the models' own networks; step 1 of WGAN-GP has no penalty."""
    torch.manual_seed(0)
    model = make().eval()
    twin: Any = copy.deepcopy(model)  # WGAN clips its own after the first loss
    torch.manual_seed(1)
    first, second = model.losses({"image": X}, Progress(1))
    torch.manual_seed(1)
    real, fake = twin.D(X), twin.D(twin.sample(len(X)))
    assert game.discriminator(real, fake).item() == pytest.approx(first.loss.item(), rel=1e-5)
    if isinstance(model, WGAN | WGANGP):  # the generator's turn has noise of its own, and WGAN's critic is clipped
        torch.manual_seed(1)
        model.sample(len(X))
        fake = model.D(model.sample(len(X)))  # type: ignore[operator]
    loss = list(game.generators.values())[-1]
    assert loss(fake).item() == pytest.approx(second.loss.item(), rel=1e-5)


def test_a_generators_gradient_is_autograds() -> None:
    """Each loss written out in probabilities, differentiated by `backward` on copies of both networks."""
    torch.manual_seed(0)
    net = DCGAN(DCGAN.Config(width=4, z_dim=8), SPEC)
    z = net.latents(8)
    formulas = {
        "minimax": lambda s: torch.log(1 - torch.sigmoid(s)).mean(),
        "non_saturating": lambda s: -torch.log(torch.sigmoid(s)).mean(),
        "least_squares": lambda s: 0.5 * ((s - 1) ** 2).mean(),
        "clipping": lambda s: -s.mean(),
        "penalty": lambda s: -s.mean(),
    }
    for game in GAMES:
        norms = gradients.probe(game, net.D, net, z, X, 0).norms
        for name in game.generators:
            twin = copy.deepcopy(net)
            formulas[name](twin.D(torch.tanh(twin.G(z)))).backward()
            squares_ = sum(float((p.grad**2).sum()) for p in twin.G.parameters() if p.grad is not None)
            assert norms[name] == pytest.approx(math.sqrt(squares_), rel=1e-4)
    assert set(formulas) == {name for game in GAMES for name in game.generators}


def test_a_norm_too_small_for_float32s_squares_is_still_seen() -> None:
    tiny = (torch.full((4,), 1e-30), torch.zeros(3))
    assert gradients.norm(tiny) == pytest.approx(2e-30, rel=1e-5)


def test_the_auc_counts_the_pairs_in_order() -> None:
    net = DCGAN(DCGAN.Config(width=4, z_dim=8), SPEC)
    z = net.latents(6)
    point = gradients.probe(GAMES[0], net.D, net, z, X, 0)
    real, fake = net.D(X).flatten().tolist(), net.D(net.decode(z)).flatten().tolist()
    assert point.auc == pytest.approx(sum((r > f) + 0.5 * (r == f) for r in real for f in fake) / 48)


def test_the_discriminator_learns_and_the_minimax_gradient_falls(found: dict[str, Any]) -> None:
    assert {len(c) for curves in found["losses"].values() for c in curves.values()} == {2}
    curves = found["losses"]["trained"]
    for curve in curves["minimax"]:
        assert curve["step"] == list(range(0, 41, 2))
        assert curve["auc"][-1] > 0.9
        assert curve["norm"][-1] < 0.5 * max(curve["norm"])
    last = {name: min(c["norm"][-1] for c in runs) for name, runs in curves.items()}
    assert last["minimax"] < last["non_saturating"]  # Arjovsky and Bottou: the one vanishes, the other does not


def test_the_generator_is_held_fixed_and_clipping_clips(project: Path) -> None:
    net, _ = checkpoint.load_model(project / paths.Run("small", "squares", "dcgan", 0).weights)
    assert isinstance(net, DCGAN)
    net.G.train().requires_grad_(True)
    before = copy.deepcopy(list(net.G.parameters()))
    data = datasets.load(project / paths.prepared("squares"), "train")
    seen: list[nn.Module] = []
    with pytest.MonkeyPatch.context() as patch:
        real = gradients.discriminator
        patch.setattr(gradients, "discriminator", lambda *args: seen.append(real(*args)) or seen[-1])
        options = Options(steps=20, every=1, batch=16, clip=0.005)
        gradients.play(GAMES[2], net, data, data, options, 0, torch.device("cpu"))
    assert all(torch.equal(a, b) for a, b in zip(before, net.G.parameters(), strict=True))
    assert max(float(p.detach().abs().max()) for p in seen[0].parameters()) == pytest.approx(0.005)


def test_under_the_penalty_there_is_no_batch_normalisation(project: Path) -> None:
    net = DCGAN(DCGAN.Config(width=4), Spec((1, 32, 32)))
    data = datasets.load(project / paths.prepared("squares"), "train")
    normed = [
        any(isinstance(m, nn.BatchNorm2d) for m in gradients.discriminator(game, net, data, 0).modules())
        for game in GAMES
    ]
    assert normed == [True, True, True, False]


def test_depth_is_the_number_of_hidden_layers_on_both_sides(project: Path, found: dict[str, Any]) -> None:
    assert set(found["depth"]) == {"tanh", "glorot", "relu"}
    for runs in found["depth"].values():
        assert [(run["depth"], run["seed"]) for run in runs] == [(d, s) for d in (1, 8) for s in (0, 1)]
        for run in runs:
            assert len(run["before"]) == len(run["after"]) == 2 * (run["depth"] + 1)
            assert run["outcome"] == "finished"
            assert math.isfinite(run["bound"])
            assert math.isfinite(run["train_bound"])
            assert math.isfinite(run["gain"])
            assert run["kl"] >= 0


def test_the_figure_has_a_line_a_loss_and_a_network(project: Path, found: dict[str, Any]) -> None:
    (drawn,) = report.plots(read(project), results.read(project, params(), "small"))
    assert drawn.name == "gradients-squares"
    untrained, losses, reach, bound = drawn.figure.axes
    assert losses.get_title(loc="left") == "Trained generator"
    assert untrained.get_title(loc="left") == "Untrained generator"
    assert [line.get_label() for line in losses.get_lines()] == list(report.LOSSES.values())
    middle = np.median([curve["norm"] for curve in found["losses"]["trained"]["clipping"]], 0)
    assert losses.get_lines()[3].get_ydata() == pytest.approx(middle)
    assert [line.get_label() for line in reach.get_lines()] == list(report.NETWORKS.values())
    runs = [run for run in found["depth"]["relu"] if run["depth"] == 8]
    assert bound.get_lines()[2].get_ydata()[-1] == pytest.approx(np.median([run["bound"] for run in runs]))


def test_small_weights_make_a_deep_networks_gradient_vanish_and_hes_do_not(found: dict[str, Any]) -> None:
    """N(0, 0.01) over 16 units shrinks a signal 25 times a layer; He's weights keep its size."""

    def through(network: str, depth: int) -> float:
        return max(r["before"][0] / r["before"][-1] for r in found["depth"][network] if r["depth"] == depth)

    assert through("tanh", 8) < 1e-6 * through("tanh", 1)
    assert through("relu", 8) > 1e-2 * through("relu", 1)


def test_layer_norms_are_autograds_and_add_up_to_the_whole() -> None:
    spec = Spec((1, 16, 16))
    data = datasets.ImageSet(torch.zeros(1, 16, 16, 1, dtype=torch.uint8), None, spec)
    model = gradients.build("relu", 3, data, Options(hidden=8, z_dim=2), 0)
    norms = gradients.layer_norms(model, X, 0)
    seed_all(0, Stream.EVALUATE)
    next(iter(model.losses({"image": X}, Progress(0)))).loss.backward()
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    assert norms == pytest.approx([float(w.grad.norm()) for w in weights if w.grad is not None], rel=1e-5)
    assert len(norms) == 8


def test_one_hidden_layer_is_the_papers_vae_with_its_weights() -> None:
    data = datasets.ImageSet(torch.zeros(1, 32, 32, 1, dtype=torch.uint8), None, Spec((1, 32, 32)))
    model = gradients.build("tanh", 1, data, Options(hidden=500), 0)
    assert [type(m).__name__ for m in model.encoder] == ["Flatten", "Linear", "Tanh", "Linear"]  # type: ignore[union-attr]
    weights = torch.cat([layer.weight.flatten() for layer in gradients.layers(model)])
    assert float(weights.detach().std()) == pytest.approx(0.01, rel=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"row": "gan"}, r"profiles/small\.yaml: studies: there is no row 'gan' in the profile"),
        ({"row": "vae"}, r"studies\.gradients\.row: 'vae' is a VAE; name a row of DCGAN"),
        ({"datasets": ["mnist"]}, r"gradients\.datasets: 'dcgan' does not run on 'mnist'; it runs on \['squares'\]"),
        ({"steps": 30}, r"studies\.gradients: steps is 30; 20 measurements, one every 2, need 40"),
        ({"depths": [4, 1]}, r"studies\.gradients: depths is \[4, 1\]; it must be two or more rising numbers from 1"),
        ({"networks": ["gelu"]}, r"studies\.gradients\.networks\.0: Input should be 'tanh', 'glorot' or 'relu'"),
        ({"clip": 0}, r"studies\.gradients: clip is 0\.0; it must be above 0"),
    ],
)
def test_options_that_make_no_sense_are_named(project: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises((ParamsError, ValueError), match=message):
        study.run(project, params(**options), "small", "gradients")


def test_the_training_bound_and_what_it_still_gains_are_of_tenths() -> None:
    curve = [{"kimg": float(i), "loss/vae": 100.0 - i, "grad/vae": 1.0} for i in range(20)]
    found = gradients._training_bound(curve)
    assert found == {"train_bound": pytest.approx(-(82 + 81) / 2), "gain": pytest.approx(5.0)}
