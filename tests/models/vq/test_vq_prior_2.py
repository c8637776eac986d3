"""The priors of a VQ-VAE-2: what each is trained on, and what it sees."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from paragone.evaluation.extractors import classifier, lite0
from paragone.evaluation.extractors.base import FeatureNetwork
from paragone.models.base import Model, Progress, Spec
from paragone.models.vq.vq_prior_2 import VQPrior2
from paragone.models.vq.vq_vae import VQVAE
from paragone.models.vq.vq_vae_2 import VQVAE2

X = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
SPEC = Spec((1, 16, 16))


def judge() -> FeatureNetwork:
    torch.manual_seed(7)
    return classifier.build({"shape": [1, 16, 16], "classes": 3, "channels": 0})


def build(keep: float = 1.0, rejecting: FeatureNetwork | None = None) -> VQPrior2:
    torch.manual_seed(0)
    parent = VQVAE2(VQVAE2.Config(width=8, residual_width=4, blocks=1, codes=6, dim=4), SPEC)
    for quantizer in (parent.top, parent.bottom):
        quantizer.codebook.normal_()
    config = VQPrior2.Config(width=8, layers=2, kernel=3, conditioning_blocks=1, keep=keep)
    return VQPrior2(config, SPEC, vq_vae_2=parent, classifier=rejecting)


def test_the_losses_are_nats_a_code() -> None:
    model = build()
    top, bottom = model.vq_vae_2.split(model.vq_vae_2.encode(X))
    first, second = model.losses({"image": X}, Progress(0))
    torch.testing.assert_close(first.loss, cross_entropy(model.top(top[:, None])[:, 0], top))
    given = model.stack(model.embedding(top).permute(0, 3, 1, 2))
    torch.testing.assert_close(second.loss, cross_entropy(model.bottom(bottom[:, None], given)[:, 0], bottom))
    assert [u.optimizer for u in (first, second)] == ["top", "bottom"]


def test_every_parameter_trains_but_the_parents() -> None:
    model = build()
    for update in model.losses({"image": X}, Progress(0)):
        held = [p for g in model.optimizers()[update.optimizer].param_groups for p in g["params"]]
        assert all(g.isfinite().all() for g in torch.autograd.grad(update.loss, held))
    held_by = {id(p) for o in model.optimizers().values() for g in o.param_groups for p in g["params"]}
    trained = {id(p) for name, p in model.named_parameters() if not name.startswith("frozen.")}
    assert held_by == trained


def test_samples_are_images_of_drawn_codes() -> None:
    model = build().eval()
    torch.manual_seed(3)
    images = model.sample(2)
    torch.manual_seed(3)
    top = model.top.sample(2, (2, 2))
    bottom = model.bottom.sample(2, (4, 4), model._given(top))
    codes = torch.cat([top.flatten(1), bottom.flatten(1) + 6], 1)
    torch.testing.assert_close(images, model.vq_vae_2.decode(codes))
    assert images.shape == (2, 1, 16, 16)


def test_of_many_samples_those_are_kept_that_the_classifier_is_surest_of() -> None:
    rejecting = judge()
    model = build(0.25, rejecting).eval()
    torch.manual_seed(3)
    kept = model.sample(2)
    torch.manual_seed(3)
    drawn = torch.cat([model._draw(2) for _ in range(4)])
    _, logits = rejecting.extractor((drawn + 1) * 127.5)
    sure = logits.softmax(1).max(1).values
    assert len(drawn) == 8
    best = sorted(sorted(range(8), key=lambda i: -sure[i])[:2])
    torch.testing.assert_close(kept, drawn[best])
    assert sure[best].min() > sure.median()
    torch.manual_seed(3)
    one = model.sample(1)
    assert one.shape == (1, 1, 16, 16)


def test_rejection_asks_for_a_network_that_tells_the_classes_apart() -> None:
    for network in (None, lite0.build({"size": 64})):  # whose classes are ImageNet's
        with pytest.raises(
            ValueError, match=r"keep is 0\.5, and no parent tells the data's classes apart: set `parents"
        ):
            build(0.5, network)
    with pytest.raises(ValueError, match="keep is 0; it must be above 0 and at most 1"):
        VQPrior2.Config(keep=0)


@pytest.mark.parametrize(
    "parent",
    [
        VQVAE(VQVAE.Config(width=8, codes=6, dim=4), SPEC),
        VQVAE2(VQVAE2.Config(width=8, codes=6, dim=4, quantize=False), SPEC),
    ],
)
def test_a_parent_with_other_codes_is_refused(parent: Model) -> None:
    with pytest.raises(ValueError, match=r"the parent vq_vae_2 is a VQ-VAE.*, which has no two levels of codes"):
        VQPrior2(VQPrior2.Config(width=8, layers=1, kernel=3), SPEC, vq_vae_2=parent)
