"""Gradient penalties of small style-based networks: the native kernels against the reference."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from kernels.impls import needs_native
from torch import Tensor
from torch.autograd import grad

from gdl_core.kernels import bias_act, downsample2d, make_filter, upsample2d

FILTER = make_filter()


def weights() -> list[Tensor]:
    torch.manual_seed(0)
    shapes = [(8, 3, 3, 3), (8,), (16, 8, 3, 3), (16,), (1, 16 * 4 * 4), (1,)]
    return [(0.3 * torch.randn(shape)).requires_grad_() for shape in shapes]


def discriminator(x: Tensor, w: list[Tensor], impl: Any) -> Tensor:
    x = bias_act(F.conv2d(x, w[0], padding=1), w[1], impl=impl)
    x = bias_act(F.conv2d(downsample2d(x, FILTER, impl=impl), w[2], padding=1), w[3], clamp=4.0, impl=impl)
    x = downsample2d(x, FILTER, impl=impl).flatten(1)
    return bias_act(x @ w[4].t(), w[5], act="linear", impl=impl)


def generator(z: Tensor, w: list[Tensor], impl: Any) -> Tensor:
    x = bias_act(z @ w[4], act="relu", impl=impl).reshape(-1, 16, 4, 4)
    x = F.conv_transpose2d(upsample2d(x, FILTER, impl=impl), w[2], padding=1)
    x = bias_act(x, w[1], impl=impl)
    return F.conv_transpose2d(upsample2d(x, FILTER, impl=impl), w[0], padding=1)


def r1(impl: Any) -> tuple[Tensor, ...]:
    """Mescheder et al. 2018: the squared gradient of the critic at real pictures, with the gradients of that."""
    w, real = weights(), torch.randn(4, 3, 16, 16, requires_grad=True)
    slope = grad(discriminator(real, w, impl).sum(), real, create_graph=True)[0]
    penalty = slope.square().sum((1, 2, 3)).mean()
    return penalty, *grad(penalty, [w[0], w[1], w[2], w[3], w[4]], allow_unused=True, materialize_grads=True)


def path_length(impl: Any) -> tuple[Tensor, ...]:
    """Karras et al. 2020, equation 4, with its gradients."""
    w, z = weights(), torch.randn(5, 1, requires_grad=True)
    pictures = generator(z, w, impl)
    noise = torch.randn_like(pictures) / math.sqrt(pictures.shape[2] * pictures.shape[3])
    slope = grad((pictures * noise).sum(), z, create_graph=True)[0]
    penalty = (slope.square().sum(1).sqrt() - 1).square().mean()
    return penalty, *grad(penalty, [w[0], w[1], w[2], w[4]], allow_unused=True, materialize_grads=True)


@needs_native
@pytest.mark.parametrize("penalty", [r1, path_length])
def test_penalties_are_those_of_the_reference(penalty: Any) -> None:
    results = []
    for impl in ("native", "reference"):
        torch.manual_seed(1)
        results.append(penalty(impl))
    for actual, expected in zip(*results, strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5 * float(1 + expected.detach().abs().max()))
    assert results[1][0] > 0
    assert results[1][1].abs().max() > 1e-3
