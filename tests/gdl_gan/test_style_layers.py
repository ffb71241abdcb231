"""The layers of style-based networks are what the papers say, where that can be known exactly."""

from __future__ import annotations

import pytest
import torch
from differences import agrees_with_finite_differences
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from gdl_core.kernels import downsample2d, make_filter, resample
from gdl_core.networks.penalties import path_lengths
from gdl_gan.style_layers import EqualConv, EqualLinear, StyledConv, ToPicture, append_deviation, pixel_norm


@pytest.mark.parametrize("up", [False, True])
def test_scaled_activations_are_the_convolution_of_each_sample_with_weights_of_its_own(up: bool) -> None:
    """Karras et al. 2020, equations 1 and 3, sample by sample in float64."""
    torch.manual_seed(0)
    layer = StyledConv(5, 7, (12, 8) if up else (6, 4), up, "reference").double()
    x, style = torch.randn(3, 5, 6, 4).double(), 1 + torch.randn(3, 5).double()
    for sample, s, got in zip(x, style, layer.convolve(x, style), strict=True):
        weight = layer.weight * layer.scale * s[None, :, None, None]
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if up:
            expected = nn.functional.conv_transpose2d(sample[None], weight.transpose(0, 1), stride=2)
            expected = resample(expected, make_filter().double(), padding=1, gain=4.0, impl="reference")
        else:
            expected = nn.functional.conv2d(sample[None], weight, padding=1)
        torch.testing.assert_close(got, expected[0], rtol=1e-10, atol=1e-10)


def test_a_transposed_convolution_and_the_filter_are_the_filtered_doubled_picture_convolved() -> None:
    """Both are linear and commute with shifts, so the order is free, edges apart."""
    torch.manual_seed(0)
    layer = StyledConv(3, 4, (24, 24), True, "reference").double()
    x, style = torch.randn(2, 3, 12, 12).double(), 1 + 0.3 * torch.randn(2, 3).double()
    factor = ((layer.weight * layer.scale * style[:, None, :, None, None]).square().sum((2, 3, 4)) + 1e-8).rsqrt()
    scaled = x * style[:, :, None, None]
    doubled = resample(scaled, make_filter().double(), up=2, padding=(2, 1), gain=4.0, impl="reference")
    late = nn.functional.conv2d(doubled, (layer.weight * layer.scale).flip(2, 3), padding=1) * factor[:, :, None, None]
    torch.testing.assert_close(layer.convolve(x, style)[..., 3:-3, 3:-3], late[..., 3:-3, 3:-3])


@given(st.floats(-3, 3), st.integers(0, 1000))
def test_demodulation_gives_unit_variance_whatever_the_style(log_scale: float, seed: int) -> None:
    torch.manual_seed(seed)
    layer = StyledConv(16, 4, (32, 32), False, "auto")
    style = 10**log_scale * (0.1 + torch.rand(2, 16))
    with torch.no_grad():
        made = layer.convolve(torch.randn(2, 16, 32, 32), style)[..., 1:-1, 1:-1]
    assert torch.allclose(made.var((2, 3)), torch.ones(2, 4), atol=0.35)
    assert made.var().item() == pytest.approx(1, abs=0.15)


def test_weights_of_equalised_layers_keep_the_variance() -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        dense = EqualLinear(256, 256, True, "auto", rate=0.01)(torch.randn(512, 256))
        assert dense.square().mean().item() == pytest.approx(1, abs=0.15)  # of gain √2 and slope 0.2: 1.04
        conv = EqualConv(64, 64, 3, "auto")(torch.randn(8, 64, 16, 16))[..., 1:-1, 1:-1]
        assert conv.square().mean().item() == pytest.approx(1, abs=0.15)


def test_a_rate_is_a_share_of_the_learning_rate() -> None:
    """Adam moves every weight by lr in its first step; what the layer uses moves by the share of it."""
    layer = EqualLinear(1, 1, False, "auto", rate=0.01)
    optimiser = torch.optim.Adam(layer.parameters(), lr=1.0)
    used = layer.weight.detach() * layer.scale
    layer(torch.ones(1, 1)).sum().backward()
    optimiser.step()
    assert (layer.weight * layer.scale - used).abs().item() == pytest.approx(0.01, rel=1e-3)


def test_convolutions_that_halve_filter_first() -> None:
    torch.manual_seed(0)
    x, taps = torch.randn(2, 3, 8, 12).double(), make_filter().double()
    short = EqualConv(3, 4, 1, "reference", down=True, activate=False, gain=0.5).double()
    expected = nn.functional.conv2d(downsample2d(x, taps, impl="reference"), 0.5 * short.scale * short.weight)
    torch.testing.assert_close(short(x), expected)
    full = EqualConv(3, 4, 3, "reference", down=True).double()
    assert full(x).shape == (2, 4, 4, 6)
    constant = full(torch.ones(1, 3, 16, 16).double())[0, :, 3, 3]
    value = (full.weight * full.scale).sum((1, 2, 3))
    torch.testing.assert_close(constant, nn.functional.leaky_relu(value, 0.2) * 2**0.5)


def test_the_picture_of_a_layer_is_modulated_and_not_demodulated() -> None:
    torch.manual_seed(0)
    layer = ToPicture(5, 3, "reference").double()
    nn.init.normal_(layer.bias)
    x, style = torch.randn(2, 5, 4, 6).double(), torch.randn(2, 5).double()
    expected = nn.functional.conv2d(
        x * style[:, :, None, None], (layer.weight * layer.scale)[:, :, None, None], layer.bias
    )
    torch.testing.assert_close(layer(x, style), expected)


@given(st.integers(1, 13), st.integers(1, 6))
def test_deviations_are_those_of_groups_for_any_batch(n: int, group: int) -> None:
    x = torch.randn(n, 3, 2, 2, generator=torch.Generator().manual_seed(n))
    out = append_deviation(x, group)
    assert torch.equal(out[:, :3], x)
    told = out[:, 3]
    assert torch.equal(told, told[:, :1, :1].expand(-1, 2, 2))
    start = 0
    for part in x.tensor_split(-(-n // group)):
        assert 1 <= len(part) <= group
        deviation = (part.var(0, unbiased=False) + 1e-8).sqrt().mean()
        torch.testing.assert_close(told[start : start + len(part), 0, 0], deviation.expand(len(part)))
        start += len(part)
    assert start == n


@given(st.floats(1e-2, 1e3))
def test_points_come_to_one_length(scale: float) -> None:
    z = scale * torch.randn(4, 16, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(pixel_norm(z).square().mean(1), torch.ones(4), atol=1e-2)


def test_the_path_length_of_a_linear_generator_is_known() -> None:
    """G(w) = A w of the sum over layers: Jᵀy is Aᵀy in each layer, and so is the root of the mean of its squares."""
    torch.manual_seed(0)
    matrix = torch.randn(3 * 4 * 5, 6).double()
    w, y = torch.randn(7, 2, 6).double(), torch.randn(7, 3, 4, 5).double()

    def synthesise(w: Tensor) -> Tensor:
        return (w.sum(1) @ matrix.T).reshape(-1, 3, 4, 5)

    expected = ((y.flatten(1) @ matrix).square().sum(1) / 20).sqrt()
    torch.testing.assert_close(path_lengths(synthesise, w, y), expected)
    with torch.no_grad():
        torch.testing.assert_close(path_lengths(synthesise, w, y).detach(), expected)


def test_pictures_that_do_not_move_have_a_gradient_all_the_same() -> None:
    scale, w, y = torch.zeros(1, requires_grad=True), torch.zeros(2, 1, 3), torch.ones(2, 1, 1, 1)
    path_lengths(lambda w: (scale * w).sum((1, 2))[:, None, None, None], w, y).sum().backward()
    assert scale.grad is not None
    assert bool(scale.grad.isfinite())


def test_the_gradient_of_path_lengths_is_that_of_finite_differences() -> None:
    torch.manual_seed(0)
    layer = nn.Sequential(
        nn.Flatten(), nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 8), nn.Unflatten(1, (2, 2, 2))
    ).double()
    w, y = torch.randn(3, 2, 3).double(), torch.randn(3, 2, 2, 2).double()

    def penalty() -> Tensor:
        return (path_lengths(layer, w, y) - 0.3).square().mean()

    agrees_with_finite_differences(penalty, layer[1].weight, [(0, 0), (2, 1), (3, 5)], 1e-6, rel=1e-5, abs=1e-8)
