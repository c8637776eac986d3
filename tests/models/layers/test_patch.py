import pytest
import torch

from paragone.models.layers.patch import PatchDiscriminator, make_norm


@pytest.mark.parametrize(("strided", "field"), [(3, 70), (2, 34), (1, 16), (0, 7)])
def test_a_score_sees_a_patch_of_the_papers_size(strided, field):
    """Which pixels the gradient of one score reaches."""
    torch.manual_seed(0)
    net = PatchDiscriminator(1, (128, 128), 2, strided, "batch")
    for i, module in enumerate(net.layers):
        if isinstance(module, torch.nn.BatchNorm2d):
            net.layers[i] = torch.nn.Identity()  # statistics would reach every pixel
    x = torch.randn(1, 1, 128, 128, requires_grad=True)
    scores = net(x)
    middle = scores.shape[2] // 2
    scores[0, 0, middle, middle].backward()
    rows = x.grad[0, 0].abs().sum(1).nonzero().flatten()
    assert rows.max() - rows.min() + 1 == field


def test_channels_double_up_to_eight_times_the_width():
    net = PatchDiscriminator(6, (256, 256), 4, 4, "instance")
    convs = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [(c.in_channels, c.out_channels) for c in convs] == [(6, 4), (4, 8), (8, 16), (16, 32), (32, 32), (32, 1)]
    assert isinstance(net.layers[1], torch.nn.LeakyReLU)  # no normalisation in the first layer


def test_normalisation_uses_the_images_at_hand_in_use_too():
    x = 3 + 2 * torch.randn(4, 5, 6, 6, generator=torch.Generator().manual_seed(0))
    batch, instance = make_norm(5, "batch").eval()(x), make_norm(5, "instance").eval()(x)
    centred = x - x.mean((0, 2, 3), keepdim=True)
    assert torch.allclose(batch, centred / (x.var((0, 2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt(), atol=1e-5)
    centred = x - x.mean((2, 3), keepdim=True)
    assert torch.allclose(instance, centred / (x.var((2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt(), atol=1e-5)


def test_sides_without_patches_are_refused():
    with pytest.raises(
        ValueError, match="3 strided layers needs images of 32 pixels a side or more; these are 16 x 16"
    ):
        PatchDiscriminator(3, (16, 16), 4, 3, "batch")
