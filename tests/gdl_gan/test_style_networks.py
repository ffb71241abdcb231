"""What the style-based GAN is built of: both networks of the generator, and the critics, for pictures of any size."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from style_games import noisy, stylegan
from torch import Tensor

from gdl_core.contracts import Batch
from gdl_core.errors import InputError
from gdl_core.latent.tiles import measure_tile
from gdl_core.noise import Noise
from gdl_gan.style_layers import EqualConv, StyledConv
from gdl_gan.stylegan_config import StyleGANConfig


@pytest.mark.parametrize(
    ("shape", "layers"),
    [
        ((3, 16, 16), 6),
        ((1, 32, 32), 8),
        ((3, 64, 64), 10),
        ((1, 128, 128), 12),
        ((3, 256, 256), 14),
        ((2, 13, 22), 4),
        ((1, 28, 28), 6),
    ],
)
def test_pictures_of_any_size(shape: tuple[int, ...], layers: int) -> None:
    model = stylegan(shape)
    model.eval()
    with torch.no_grad():
        z = model.prior(3, Noise(1))
        made = model.decode(z)
        judged = model.judge(made)
        w = model.style(z)
    assert made.shape == (3, *shape)
    assert 0 <= float(made.min()) < float(made.max()) <= 1
    assert judged.shape == (3,)
    assert made.dtype == judged.dtype == w.dtype == torch.float32
    assert model.style_shape == (layers, 5)
    assert w.shape == (3, 5)
    assert model.style_mean().shape == (5,)
    with torch.no_grad():
        assert torch.equal(model.synthesise(w[:, None].expand(-1, layers, -1)), made)


@pytest.mark.parametrize("critic", ["residual", "plain", "dcgan"])
@pytest.mark.parametrize(
    ("shape", "layers"),
    [((3, 32, 32), 6), ((1, 64, 64), 8), ((2, 13, 22), 2), ((1, 28, 28), 4), ((1, 12, 12), 2)],
)
def test_folded_pictures_have_no_layer_at_full_resolution(shape: tuple[int, ...], layers: int, critic: str) -> None:
    model = stylegan(shape, fold=True, critic=critic)
    model.eval()
    sides: list[int] = []
    for module in (*model.generator.synthesis.convolutions, *model.critic.blocks.modules()):
        if isinstance(module, (EqualConv, StyledConv)):
            module.register_forward_hook(lambda module, given, out: sides.append(max(out.shape[2:])))
    with torch.no_grad():
        made = model.decode(model.prior(3, Noise(1)))
        assert model.judge(made).shape == (3,)
    assert made.shape == (3, *shape)
    assert model.style_shape == (layers, 5)
    assert max(sides) <= -(-max(shape[1:]) // 2) + 2
    fine = model.generator.synthesis.fine
    assert fine is not None
    with torch.no_grad():
        fine.weight.zero_()  # what is left is the doubled picture of half the side
        assert not torch.equal(model.decode(model.prior(3, Noise(1))), made)


@pytest.mark.parametrize(("shape", "layers"), [((3, 16, 16), 4), ((3, 64, 64), 6), ((1, 28, 28), 4), ((2, 13, 22), 3)])
def test_layers_of_dcgan_are_styled_too(shape: tuple[int, ...], layers: int) -> None:
    model = noisy(stylegan(shape, network="dcgan"))
    batch = Batch(torch.zeros(8, *shape), Noise(1))
    model.train()
    model._make(batch, model._styles(batch)[0])  # the statistics are of a batch by then
    model.eval()
    assert model.style_shape == (layers, 5)
    assert not [one for one in model.generator.synthesis.modules() if isinstance(one, (EqualConv, StyledConv))]
    with torch.no_grad():
        z = model.prior(3, Noise(1))
        made = model.decode(z)
        w = model.style(z)[:, None].expand(-1, layers, -1).clone()
        assert made.shape == (3, *shape)
        assert made.dtype == torch.float32
        assert torch.equal(model.synthesise(w), made)
        torch.testing.assert_close(model.decode(z[1:]), made[1:])  # each picture is a function of its point
        for layer in range(layers):
            changed = w.clone()
            changed[0, layer] += 1
            after = model.synthesise(changed)
            assert not torch.allclose(after[0], made[0])
            torch.testing.assert_close(after[1:], made[1:])
        drawn = model._synthesise(w[:1].expand(4, -1, -1), Noise(2))
        assert not torch.allclose(drawn[0], drawn[1])
        torch.testing.assert_close(drawn[:2], model._synthesise(w[:1].expand(2, -1, -1), Noise(2)))


def test_a_style_is_a_factor_and_a_summand_of_normalised_features() -> None:
    model = stylegan(network="dcgan", noise=False)
    synthesis = model.generator.synthesis
    seen: list[Tensor] = []
    convolution = synthesis.convolutions[1]
    convolution.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    synthesis.convolutions[0].register_forward_hook(lambda module, given, out: seen.append(out))
    w = torch.randn(8, *model.style_shape)
    model.train()
    with torch.no_grad():
        model._synthesise(w, None)
        made, given = seen
        mean, variance = made.mean((0, 2, 3), keepdim=True), made.var((0, 2, 3), keepdim=True, unbiased=False)
        factor, summand = synthesis.styles[1](w[:, 2])[:, :, None, None].chunk(2, 1)
        normalised = (made - mean) / (variance + 1e-5).sqrt()
    torch.testing.assert_close(given, torch.relu((1 + factor) * normalised + summand), atol=1e-5, rtol=1e-4)


def test_folding_is_of_the_one_network() -> None:
    with pytest.raises(ValidationError, match="'fold' is of network stylegan2; leave it out"):
        StyleGANConfig(network="dcgan", fold=True)


def test_path_lengths_are_of_the_one_network() -> None:
    assert [StyleGANConfig(network=network).path for network in ("stylegan2", "dcgan")] == [2.0, 0.0]
    assert StyleGANConfig(path_weight=0.0).path == 0.0
    with pytest.raises(ValidationError, match="'path_weight' is of network stylegan2: with dcgan a picture"):
        StyleGANConfig(network="dcgan", path_weight=2.0)


@pytest.mark.parametrize("shape", [(2,), (3, 4, 64)])
def test_samples_that_are_no_pictures_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        InputError, match=r"stylegan makes pictures of 8 × 8 pixels or more, got samples of .*; use gan"
    ):
        stylegan(shape)


@pytest.mark.parametrize("shape", [(3, 64, 64), (2, 13, 22)])
def test_a_plain_critic_has_one_convolution_for_each_halving(shape: tuple[int, ...]) -> None:
    plain, residual = stylegan(shape, critic="plain").critic, stylegan(shape).critic
    halvings = stylegan(shape).generator.synthesis.layers // 2 - 1
    convolutions = [module for module in plain.blocks.modules() if isinstance(module, EqualConv)]
    assert len(convolutions) == halvings
    assert [convolution.down for convolution in convolutions] == [False] + [True] * (halvings - 1)
    assert convolutions[0].weight.shape[1] == 4 * shape[0]  # pixels are folded, not filtered
    assert sum(isinstance(module, EqualConv) for module in residual.blocks.modules()) == 3 * halvings + 1
    assert plain(torch.rand(6, *shape)).shape == (6,)


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("critic", ["residual", "plain", "dcgan"])
def test_no_critic_is_blind_to_the_finest_pattern(critic: str, fold: bool) -> None:
    """What a filter would take away: pixels that are lighter and darker in turn."""
    model = stylegan((1, 32, 32), critic=critic, fold=fold)
    x = torch.full((4, 1, 32, 32), 0.5)
    board = ((torch.arange(32)[:, None] + torch.arange(32)) % 2 - 0.5) * 0.2
    board[:8], board[-8:], board[:, :8], board[:, -8:] = 0, 0, 0, 0  # the border would give it away
    with torch.no_grad():
        seen = (model.judge(x + board) - model.judge(x)).abs().min()
        other = (model.judge(x + board.abs()) - model.judge(x)).abs().min()
    assert seen > 0.05 * other


def test_the_tile_counts_every_layer() -> None:
    """Two layers of 64 × 64 × 16 float32 are half a MiB a sample, so 16 MiB hold no more than 32."""
    assert measure_tile(stylegan((1, 64, 64), width=16, most=16)) <= 32
