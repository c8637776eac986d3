"""MUNIT: losses against a few lines, what a style may change, and sizes that cannot be."""

import pytest
import torch
from torch.nn import functional
from torch.nn.functional import avg_pool2d, group_norm

from paragone.models.base import Progress, Spec
from paragone.models.translation.munit import MUNIT, Residual

SPEC = Spec((3, 16, 16))
SMALL = {"width": 4, "blocks": 2, "hidden": 8, "scales": 2, "strided": 2}


def build(**config: object) -> MUNIT:
    torch.manual_seed(0)
    return MUNIT(MUNIT.Config(**{**SMALL, **config}), SPEC)  # type: ignore[arg-type]


def batch(n: int = 3) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    return {key: torch.rand(n, *SPEC.shape, generator=draw) * 2 - 1 for key in ("image", "source")}


def test_losses_are_those_of_an_independent_computation() -> None:
    model, data = build(), batch()
    x, y = data["source"], data["image"]
    torch.manual_seed(2)
    d, g = list(model.losses(data, Progress(0)))
    torch.manual_seed(2)
    A, B, n = model.A, model.B, len(x)

    def l1(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a - b).abs().mean()

    fake_y = B.decode(A.content(x), torch.randn(n, 8))
    fake_x = A.decode(B.content(y), torch.randn(n, 8))
    expected = torch.zeros(())
    for D, real, fake in ((model.D_A, x, fake_x), (model.D_B, y, fake_y)):
        for a, b in zip(D(real), D(fake), strict=True):
            expected = expected + (a - 1).pow(2).mean() + b.pow(2).mean()
    torch.testing.assert_close(d.loss, expected)
    s_x, s_y = torch.randn(n, 8), torch.randn(n, 8)
    fake_y, fake_x = B.decode(A.content(x), s_y), A.decode(B.content(y), s_x)
    image = l1(A.decode(A.content(x), A.style(x)), x) + l1(B.decode(B.content(y), B.style(y)), y)
    content = l1(B.content(fake_y), A.content(x)) + l1(A.content(fake_x), B.content(y))
    style = l1(B.style(fake_y), s_y) + l1(A.style(fake_x), s_x)
    cycle = l1(A.decode(B.content(fake_y), A.style(x)), x) + l1(B.decode(A.content(fake_x), B.style(y)), y)
    game = sum((a - 1).pow(2).mean() for D, f in ((model.D_A, fake_x), (model.D_B, fake_y)) for a in D(f))
    torch.testing.assert_close(g.loss, game + 10 * image + content + style + 10 * cycle)
    assert (d.optimizer, g.optimizer, d.drawn, g.drawn) == ("discriminators", "generators", 6, 6)
    assert "cycle" not in list(build(cycle=0.0).losses(data, Progress(0)))[1].logs


def instance_norm(x: torch.Tensor) -> torch.Tensor:
    return functional.instance_norm(x, eps=1e-5)


def test_a_residual_block_normalises_by_instance_or_as_the_style_says() -> None:
    block, x = Residual(3), 0.01 * torch.randn(2, 3, 6, 6)  # so faint that what is added to the variance shows
    plain = x + instance_norm(block.conv2(torch.relu(instance_norm(block.conv1(x)))))
    torch.testing.assert_close(block(x), plain, rtol=1e-3, atol=1e-4)
    affine = torch.randn(2, 12)
    shift1, scale1, shift2, scale2 = (part[:, :, None, None] for part in affine.chunk(4, 1))
    h = torch.relu(instance_norm(block.conv1(x)) * scale1 + shift1)
    torch.testing.assert_close(
        block(x, affine), x + instance_norm(block.conv2(h)) * scale2 + shift2, rtol=1e-3, atol=1e-4
    )


def test_the_decoders_layers_are_normalised_over_the_whole_image() -> None:
    norm = build().A.norms[0]
    x = torch.randn(2, 8, 4, 4) * 3 + 1
    torch.testing.assert_close(norm(x), group_norm(x, 1, eps=norm.eps))  # type: ignore[arg-type]
    assert norm(x)[0].mean().abs() < 1e-5


@pytest.mark.parametrize("halvings", [1, 2])
def test_the_content_is_as_small_as_asked_for_and_decoded_to_full_size(halvings: int) -> None:
    model, x = build(halvings=halvings), batch()["source"]
    content = model.A.content(x)
    assert content.shape == (3, 4 << halvings, 16 >> halvings, 16 >> halvings)
    assert model.A.decode(content, torch.randn(3, 8)).shape == x.shape


def test_styles_change_a_translation_and_a_reference_gives_its_own() -> None:
    model, data = build(), batch()
    x, y = data["source"], data["image"]
    torch.manual_seed(0)
    first, second = model.translate(x), model.translate(x)
    assert (first - second).abs().mean() > 1e-3
    torch.testing.assert_close(model.stylise(x, y), model.B.decode(model.A.content(x), model.B.style(y)))
    both = model.stylise(x[:1].expand(3, -1, -1, -1), y)
    assert (both[0] - both[1]).abs().mean() > 1e-4


def test_the_content_does_not_know_an_images_scale_and_mean() -> None:
    """Its normalisation removes them: they are style."""
    model = build(width=8)
    model.A.content[0].bias.data.zero_()  # type: ignore[union-attr, operator]
    x = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(model.A.content(x), model.A.content(0.4 * x + 0.2), rtol=1e-2, atol=1e-2)


def test_each_discriminator_sees_half_the_size_of_the_one_before() -> None:
    D = build().D_B
    x = torch.randn(2, 3, 16, 16)
    assert [score.shape[2:] for score in D(x)] == [(4, 4), (2, 2)]
    half = avg_pool2d(x, 3, 2, 1, count_include_pad=False)
    torch.testing.assert_close(D(x)[1], D.nets[1](half))


def test_the_networks_are_the_papers() -> None:
    model = MUNIT(MUNIT.Config(scales=1), Spec((3, 64, 64)))
    content = sum(p.numel() for p in model.A.content.parameters())
    convs = [(3, 64, 49), (64, 128, 16), (128, 256, 16), *[(256, 256, 9)] * 8]
    assert content == sum(a * b * k + b for a, b, k in convs)
    style = sum(p.numel() for p in model.A.style.parameters())
    convs = [(3, 64, 49), (64, 128, 16), (128, 256, 16), (256, 256, 16), (256, 256, 16), (256, 8, 1)]
    assert style == sum(a * b * k + b for a, b, k in convs)
    assert model.A.mlp[-1].out_features == 4 * 2 * 2 * 256  # four blocks, two layers, mean and scale


@pytest.mark.parametrize(
    ("shape", "config", "message"),
    [
        ((3, 18, 18), {}, "of sides that its content halves 2 times; these are 18 x 18"),
        ((3, 16, 16), {"scales": 3, "strided": 4}, "halves images 6 times, and these are 16 x 16; set"),
        ((3, 12, 12), {"scales": 1}, "images of 16 pixels a side or more, .*; these are 12 x 12"),
        ((3, 16, 16), {"style_dim": 0}, "style_dim is 0; it must be at least 1"),
    ],
)
def test_settings_that_cannot_be(shape: tuple[int, int, int], config: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MUNIT(MUNIT.Config(**{**SMALL, **config}), Spec(shape))  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [4, 64])
def test_the_scores_of_discriminators_of_any_width_depend_on_the_image(width: int) -> None:
    scores = build(width=width).D_B(batch(8)["image"])
    assert all(score.std() > 0.1 for score in scores), [score.std().item() for score in scores]


def test_the_way_back_takes_the_content_of_the_translation_and_the_style_of_the_source() -> None:
    model, x, y = build(), torch.rand(2, 3, 16, 16) * 2 - 1, torch.rand(2, 3, 16, 16) * 2 - 1
    content = model.B.content(y)
    expected = torch.cat([model.A.decode(content[i : i + 1], model.A.style(x[i : i + 1])) for i in range(2)])
    torch.testing.assert_close(model.translate_back(y, x), expected)
