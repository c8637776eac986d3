"""Sampling: deterministic by (seed, batch index), quantised once, timed."""

import numpy as np
import pytest
import torch
from torch import Tensor

from paragone.data.base import ImageSet
from paragone.engine import sampling
from paragone.models.base import Model, Spec, class_labels


class Noise(Model):
    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        return torch.randn(n, 1, 8, 8).clamp(-1, 1)


class Level(Model):
    """Draws images as bright as their label."""

    title = "Level"
    needs = frozenset({"image", "label"})

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        y = class_labels(cond, n, 4, CPU)
        return (y / 4).view(n, 1, 1, 1).expand(n, 1, 8, 8)


class Negative(Model):
    """Turns its source round."""

    title = "Negative"
    needs = frozenset({"image", "source"})
    capabilities = frozenset({"translate"})

    def translate(self, source: Tensor, cond: Tensor | None = None) -> Tensor:
        return -source


class Shade(Model):
    """Darkens its source by the label."""

    title = "Shade"
    needs = frozenset({"image", "label", "source"})
    capabilities = frozenset({"translate"})

    def translate(self, source: Tensor, cond: Tensor | None = None) -> Tensor:
        return source - class_labels(cond, len(source), 4, CPU).view(-1, 1, 1, 1) / 4


CPU = torch.device("cpu")


def test_source_images_of_the_test_split_are_translated_in_order():
    levels = torch.tensor([0, 100, 255], dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 8, 8, 1)
    test = ImageSet(torch.zeros(5, 8, 8, 1, dtype=torch.uint8), None, Spec((1, 8, 8)), levels, paired=False)
    source = sampling.sources(Negative(), test, 7)
    images, _ = sampling.sample(Negative(), 7, seed=0, batch=2, device=CPU, source=source, progress=False)
    assert images[:, 0, 0, 0].tolist() == [255, 155, 0, 255, 155, 0, 255]
    assert sampling.sources(Noise(), test, 7) is None
    with pytest.raises(ValueError, match="Negative translates images and the data set has no sources; choose a set of"):
        sampling.sources(Negative(), test._replace(sources=None), 7)


def test_labels_and_sources_come_together():
    labels, source = torch.arange(4), torch.ones(4, 1, 8, 8)
    options = {"device": CPU, "cond": labels, "source": source}
    images, seconds = sampling.sample(Shade(), 4, seed=0, batch=3, progress=False, **options)
    assert images[:, 0, 0, 0].tolist() == [255, 223, 191, 159]
    assert sampling.speed(Shade(), seconds, [3, 1], precision="fp32", **options).latency_runs >= 1


@pytest.mark.parametrize(
    ("model", "source", "sentence"),
    [
        (Negative, None, "Negative translates: give 4 source images for 4 samples; given: none"),
        (Negative, torch.ones(3, 1, 8, 8), "Negative translates: give 4 source images for 4 samples; given: 3"),
        (Level, torch.ones(4, 1, 8, 8), "Level takes no source images; sample a model that translates"),
    ],
)
def test_sources_that_do_not_fit_are_refused(model, source, sentence):
    with pytest.raises(ValueError, match=sentence):
        sampling.sample(model(), 4, seed=0, batch=4, device=CPU, source=source, progress=False)


def labelled(*counts: int) -> ImageSet:
    """A set of so many images of each class."""
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    return ImageSet(torch.zeros(len(labels), 8, 8, 1, dtype=torch.uint8), labels, Spec((1, 8, 8), len(counts)))


def test_samples_follow_from_seed_and_batch_index_alone():
    first, seconds = sampling.sample(Noise(), 50, seed=1, batch=20, device=CPU, progress=False)
    again, _ = sampling.sample(Noise(), 40, seed=1, batch=20, device=CPU, progress=False)
    other, _ = sampling.sample(Noise(), 40, seed=2, batch=20, device=CPU, progress=False)
    assert first.shape == (50, 8, 8, 1)
    assert first.dtype == np.uint8
    assert len(seconds) == 3
    assert np.array_equal(first[:40], again)
    assert not np.array_equal(again, other)
    assert not np.array_equal(first[:20], first[20:40])


def test_quantising_rounds_clips_and_inverts_the_scaling():
    levels = torch.arange(256).view(256, 1, 1, 1)
    assert np.array_equal(sampling.quantise(levels / 127.5 - 1).ravel(), np.arange(256))
    assert sampling.quantise(torch.tensor([-7.0, 7.0]).view(2, 1, 1, 1)).ravel().tolist() == [0, 255]


def test_timings_agree_once_the_middle_half_is_within_two_per_cent():
    assert sampling.agree([1.0, 1.005, 0.995, 1.01, 3.0, 1.0, 1.0])
    assert not sampling.agree([1.0, 1.1, 0.9, 1.05, 0.95])
    assert not sampling.agree([1.0] * 4)


def test_speed_states_rate_and_latency():
    speed = sampling.speed(Noise(), [9.0, 2.0, 1.0], [20, 20, 10], device=CPU, precision="fp32")
    assert speed.images_per_second == pytest.approx(10)  # the first batch warms up, the short one is not full
    assert speed.latency_ms > 0
    assert speed.latency_runs >= 1


class Walk(Model):
    """Three passes through a convolution, a linear layer and attention of one head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.linear = torch.nn.Conv2d(2, 4, 3, padding=1), torch.nn.Linear(16, 5)

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        x = torch.zeros(n, 2, 8, 8)
        for _ in range(3):
            h = self.conv(x)  # (n,4,8,8)
            self.linear(h[..., :4].flatten(1)[:, :16])
            tokens = h.flatten(2)[:, None]  # 4 of 64 numbers
            torch.nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)
        return x


def test_work_is_counted_over_every_pass_for_one_image():
    by_hand = 8 * 8 * 4 * 2 * 9 + 16 * 5 + 2 * 4 * 4 * 64  # attention: scores, and their mean of the values
    assert sampling.macs(Walk(), CPU) == 3 * by_hand
    assert sampling.macs(Noise(), CPU) == 0
    assert [sampling.evaluations(model, CPU) for model in (Walk(), Noise())] == [3, 0]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_wall_shows_the_first_images(channels):
    images = np.full((7, 4, 4, channels), 9, np.uint8)
    picture = np.asarray(sampling.sample_grid(images, columns=3, rows=5))
    assert picture.shape[:2] == (3 * 5 - 1, 3 * 5 - 1)
    assert (picture[:4, :4] == 9).all()
    assert (picture[4] == 255).all()


def test_labels_are_drawn_at_random_from_the_training_splits():
    """As a multinomial draw, so not in exact shares: chi-squared over 200 seeds has the mean that chance gives it."""
    shares = torch.tensor([0.7, 0.2, 0.1])
    counts = torch.stack(
        [torch.bincount(sampling.labels(Level(), labelled(70, 20, 10), 1000, seed=s), minlength=3) for s in range(200)]
    )
    expected = 1000 * shares
    assert counts.double().mean(0).tolist() == pytest.approx(expected.tolist(), rel=0.02)
    statistic = ((counts - expected).square() / expected).sum(1)
    assert statistic.mean() == pytest.approx(2, abs=0.5)  # 2 degrees of freedom; of exact shares it would be 0


def test_labels_follow_from_the_seed():
    first, again, other = (sampling.labels(Level(), labelled(50, 50), 100, seed=s) for s in (1, 1, 2))
    assert first.dtype == torch.int64
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_only_models_that_need_labels_are_given_some():
    assert sampling.labels(Noise(), labelled(5, 5), 10, seed=0) is None
    with pytest.raises(ValueError, match="Level samples by label and the data set has none; choose"):
        sampling.labels(Level(), labelled(5, 5)._replace(labels=None), 10, seed=0)


def test_each_sample_is_of_the_label_at_its_place():
    labels = sampling.labels(Level(), labelled(3, 3, 3, 3), 50, seed=0)
    images, _ = sampling.sample(Level(), 50, seed=0, batch=20, device=CPU, cond=labels, progress=False)
    assert np.array_equal(images[:, 0, 0, 0], sampling.quantise((labels / 4).view(-1, 1, 1, 1)).ravel())
    speed = sampling.speed(Level(), [1.0, 1.0], [20, 20], device=CPU, precision="fp32", cond=labels)
    assert speed.latency_ms > 0


@pytest.mark.parametrize(
    ("cond", "sentence"),
    [
        (torch.tensor([0, 4, 1]), "there is no class 4 to sample; the model has the classes 0 to 3"),
        (torch.tensor([0, -1, 1]), "there is no class -1 to sample"),
        (torch.tensor([0.0, 1.0, 2.0]), r"labels to sample are torch.float32 \(3,\); give torch.int64 \(3,\)"),
        (torch.tensor([[0, 1, 2]]), r"labels to sample are torch.int64 \(1, 3\)"),
    ],
)
def test_labels_that_do_not_exist_are_refused(cond, sentence):
    with pytest.raises(ValueError, match=sentence):
        Level().sample(3, cond)


def test_a_model_without_labels_refuses_them():
    model = Noise()
    model.title = "Noise"
    with pytest.raises(ValueError, match="Noise takes no labels; sample a model that was trained with them"):
        sampling.sample(model, 3, seed=0, batch=3, device=CPU, cond=torch.zeros(3, dtype=torch.int64))


def test_without_labels_a_conditional_model_draws_classes_evenly():
    torch.manual_seed(0)
    drawn = class_labels(None, 4000, 4, CPU)
    assert (torch.bincount(drawn, minlength=4) > 900).all()


def test_the_grid_by_class_has_one_row_per_class():
    labels = torch.tensor([1, 0, 1, 2, 1, 1, 0])
    images = (labels * 50 + torch.arange(7)).to(torch.uint8).view(7, 1, 1, 1).expand(7, 4, 4, 1).numpy()
    picture = np.asarray(sampling.class_grid(images, labels, 3, columns=3))
    assert picture[2::5, 2::5].tolist() == [[1, 6, 255], [50, 52, 54], [103, 255, 255]]
    tall = sampling.class_grid(images, labels, 100, columns=3)
    assert tall.size == (3 * 5 - 1, sampling.CLASS_ROWS * 5 - 1)
