"""GANs in the plane: the networks against independent computations, trials that share nothing, replays."""

import pytest
import torch

from paragone.engine.recorders import Again
from paragone.engine.seeding import Stream, seed_all
from paragone.evaluation import plane
from paragone.evaluation.plane import Discriminator, Generator, Plane, Training

CPU = torch.device("cpu")
SMALL = {"trials": 2, "batch": 20, "width": 8, "units": 4, "n": 50, "epochs": 0.002}  # 10 steps


def test_the_defaults_are_the_papers():
    plan = Plane(geometry="grid")
    assert plan.steps == 400_000
    with torch.device("meta"):
        generator, discriminator = Generator(1, plan.width), Discriminator(1, 2, plan.units)
    linear = [(2, 400), (400, 400), (400, 400), (400, 400), (400, 2)]
    assert sum(p.numel() for p in generator.parameters()) == sum(a * b + b for a, b in linear) + 4 * 2 * 400
    maxout = [(2, 1000), (200, 1000), (200, 1000), (200, 1)]
    assert sum(p.numel() for p in discriminator.parameters()) == sum(a * b + b for a, b in maxout)


def test_a_trials_networks_are_those_of_torch():
    torch.manual_seed(0)
    g, d = Generator(2, 6), Discriminator(2, 4, 3)
    z, x = torch.randn(2, 9, 2), torch.randn(2, 5, 4)
    for trial in range(2):
        h = z[trial]
        for i, layer in enumerate(g.layers):
            h = torch.relu(torch.nn.functional.batch_norm(
                h @ layer.weight[trial] + layer.bias[trial, 0], None, None,
                g.scales[i][trial, 0], g.shifts[i][trial, 0], training=True,
            ))  # fmt: skip
        assert torch.allclose(g(z)[trial], h @ g.last.weight[trial] + g.last.bias[trial], atol=1e-5)
        h = x[trial]
        for layer in d.layers:
            pieces = h @ layer.weight[trial] + layer.bias[trial]
            h = torch.stack([pieces[:, 5 * unit : 5 * unit + 5].max(1).values for unit in range(3)], 1)
        assert torch.allclose(d(x)[trial], h @ d.last.weight[trial] + d.last.bias[trial], atol=1e-5)


@pytest.mark.parametrize("packing", [1, 2])
def test_a_step_moves_every_network_and_a_pack_holds_as_many_points(packing):
    seed_all(0, Stream.INIT)
    training = Training(Plane(geometry="ring", packing=packing, **SMALL), CPU)
    assert training.D.layers[0].weight.shape[1] == 2 * packing
    before = [p.clone() for net in (training.G, training.D) for p in net.parameters()]
    losses = training.step()
    assert losses.shape == (2,)
    after = [p for net in (training.G, training.D) for p in net.parameters()]
    still = [a for a, b in zip(before, after, strict=True) if all(torch.equal(x, y) for x, y in zip(a, b, strict=True))]
    assert not still


def test_a_trial_is_the_same_whatever_the_others_do():
    ends = []
    for spoilt in (False, True):
        seed_all(0, Stream.INIT)
        training = Training(Plane(geometry="ring", **SMALL), CPU)
        if spoilt:
            with torch.no_grad():
                training.G.last.weight[1] = float("nan")
        torch.manual_seed(1)
        for _ in range(3):
            training.step()
        ends.append([p[0].clone() for net in (training.G, training.D) for p in net.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))


def test_replayed_steps_end_with_the_bits_of_eager_ones():
    plan = Plane(geometry="grid", **SMALL)
    eager, replayed = plane.measure(plan, 0, CPU), plane.measure(plan, 0, CPU, Again())
    assert (eager["replayed"], replayed["replayed"]) == (0, plan.steps - plane.WARM)
    for key in ("modes", "high_quality", "reverse_kl", "kimg"):
        assert eager[key] == replayed[key]
    assert eager["kimg"] == 0.2
    assert (len(eager["modes"]), eager["diverged"]) == (2, 0)
    assert all(0 <= share <= 100 for share in eager["high_quality"])


class Crooked(Again):
    """A graph that gives other bits."""

    def capture(self, step):
        replay, result = super().capture(step)

        def twice():
            replay()
            replay()

        return twice, result


def test_a_replay_that_gives_other_bits_is_not_trusted():
    plan = Plane(geometry="ring", **SMALL)
    eager, crooked = plane.measure(plan, 0, CPU), plane.measure(plan, 0, CPU, Crooked())
    assert crooked["replayed"] == 0
    assert crooked["reverse_kl"] == eager["reverse_kl"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"geometry": "cube"}, "geometry is 'cube'; it must be ring or grid"),
        ({"geometry": "ring", "packing": 0}, "packing is 0; it must be at least 1"),
        ({"geometry": "ring", "epochs": 0}, "epochs is 0; it must be above 0"),
    ],
)
def test_a_wrong_setting_is_one_sentence(given, message):
    with pytest.raises(ValueError, match=message):
        Plane(**given)
