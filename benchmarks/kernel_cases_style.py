"""The kernels of style-based generators against plain torch: forward, and forward with gradients.

Torch's rivals in resampling are the reference, and a grouped (transposed) convolution with the square filter.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from paired import Result, compare
from torch import Tensor

from gdl_core.kernels import bias_act, downsample2d, make_filter, resample, upsample2d

SHAPES = [(16, 64, 32, 32), (8, 128, 64, 64), (64, 32, 16, 16)]
BIAS_ACT_GOAL = 1.5
REFERENCE_GOAL = 2.0


def plain_bias_act(x: Tensor, bias: Tensor) -> Tensor:
    return F.leaky_relu(x + bias[None, :, None, None], 0.2) * math.sqrt(2)


def both_ways(
    name: str,
    ours: Callable[..., Tensor],
    plain: Callable[..., Tensor],
    inputs: list[Tensor],
    goal: float | None,
    pairs: int,
) -> list[Result]:
    shape, trained = "x".join(map(str, inputs[0].shape)), [x.clone().requires_grad_() for x in inputs]
    weight = torch.randn_like(ours(*inputs))
    torch.testing.assert_close(ours(*inputs), plain(*inputs), rtol=1e-4, atol=1e-4)
    return [
        compare(name, shape, lambda: ours(*inputs), lambda: plain(*inputs), goal, pairs),
        compare(
            f"{name}, with gradients",
            shape,
            lambda: torch.autograd.grad(ours(*trained), trained, weight),
            lambda: torch.autograd.grad(plain(*trained), trained, weight),
            goal,
            pairs,
        ),
    ]


def resample_cases(x: Tensor, pairs: int) -> list[Result]:
    taps, channels = make_filter(), x.shape[1]
    square = torch.outer(taps, taps).expand(channels, 1, 4, 4).contiguous()
    cases: list[tuple[str, Callable[..., Tensor], Callable[..., Tensor]]] = [
        (
            "upsample2d",
            lambda x, impl="auto": upsample2d(x, taps, impl=impl),
            lambda x: F.conv_transpose2d(x, 4 * square, stride=2, padding=1, groups=channels),
        ),
        (
            "downsample2d",
            lambda x, impl="auto": downsample2d(x, taps, impl=impl),
            lambda x: F.conv2d(x, square, stride=2, padding=1, groups=channels),
        ),
        (
            "blur",
            lambda x, impl="auto": resample(x, taps, padding=(2, 1), impl=impl),
            lambda x: F.conv2d(F.pad(x, (2, 1, 2, 1)), square, groups=channels),
        ),
    ]
    results = []
    for name, ours, plain in cases:
        results += both_ways(f"{name} against a grouped convolution", ours, plain, [x], None, pairs)
        reference = lambda x, ours=ours: ours(x, "reference")  # noqa: E731
        results += both_ways(f"{name} against the reference", ours, reference, [x], REFERENCE_GOAL, max(3, pairs // 3))
    return results


def style_cases(pairs: int) -> list[Result]:
    results = []
    for shape in SHAPES:
        torch.manual_seed(0)
        x, bias = torch.randn(shape), torch.randn(shape[1])
        results += both_ways("bias_act", bias_act, plain_bias_act, [x, bias], BIAS_ACT_GOAL, pairs)
        results += resample_cases(x, pairs)
    return results
