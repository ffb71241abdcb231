"""The kernels of style-based generators.

Torch's rivals in resampling are a grouped (transposed) convolution with the square filter, which is the one that
counts, and the reference, a chain of plain operations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from kernel_case import Function, Operation, Pass, Shape, Subject, linear
from torch import Tensor

from gdl_core.kernels import bias_act, downsample2d, make_filter, resample, upsample2d

SHAPES: list[Shape] = [(16, 64, 32, 32), (8, 128, 64, 64), (64, 32, 16, 16)]
PASSES: Sequence[Pass] = ("forward", "full")
BIAS_ACT_GOAL, REFERENCE_GOAL = 1.5, 2.0
HALF_SHAPES = SHAPES[:1]


def plain_bias_act(x: Tensor, bias: Tensor) -> Tensor:
    return F.leaky_relu(x + bias[None, :, None, None], 0.2) * math.sqrt(2)


def make_bias_act(shape: Shape, dtype: torch.dtype, device: str) -> Subject:
    inputs = [torch.randn(size, device=device).to(dtype) for size in (shape, shape[1:2])]
    return Subject(inputs, bias_act, {"eager": plain_bias_act}, plain_bias_act)


def goals(wanted: dict[str, float], device: str, dtype: torch.dtype) -> dict[str, float]:
    return wanted if device == "cpu" and dtype == torch.float32 else {}


def _resampling(op: str, ours: Function, convolution: Function, detail: str = "") -> Operation:
    """`ours` takes pictures, taps and impl; `convolution` pictures, the square filter and the number of groups."""

    def make(shape: Shape, dtype: torch.dtype, device: str) -> Subject:
        taps, channels = make_filter(device=device), shape[1]
        square = torch.outer(taps, taps).expand(channels, 1, 4, 4).contiguous().to(dtype)

        def by_convolution(x: Tensor) -> Any:
            return convolution(x, square, channels)

        def reference(x: Tensor) -> Any:
            return ours(x, taps, impl="reference")

        x = torch.randn(shape, device=device).to(dtype)
        rivals = {"convolution": by_convolution, "reference": reference}
        return Subject([x], lambda x: ours(x, taps), rivals, by_convolution)

    return Operation(
        "generators",
        op,
        detail,
        SHAPES,
        make,
        passes=PASSES,
        half_shapes=HALF_SHAPES,
        goals=lambda device, dtype, kind, shape: goals({"reference": REFERENCE_GOAL}, device, dtype),
        moved=linear,
    )


OPERATIONS = [
    Operation(
        "generators",
        "bias_act",
        "",
        SHAPES,
        make_bias_act,
        passes=PASSES,
        half_shapes=HALF_SHAPES,
        compiled=PASSES,
        goals=lambda device, dtype, kind, shape: goals({"eager": BIAS_ACT_GOAL}, device, dtype),
    ),
    _resampling(
        "upsample2d",
        upsample2d,
        lambda x, square, groups: F.conv_transpose2d(x, 4 * square, stride=2, padding=1, groups=groups),
    ),
    _resampling(
        "downsample2d",
        downsample2d,
        lambda x, square, groups: F.conv2d(x, square, stride=2, padding=1, groups=groups),
    ),
    _resampling(
        "resample",
        lambda x, taps, **impl: resample(x, taps, padding=(2, 1), **impl),
        lambda x, square, groups: F.conv2d(F.pad(x, (2, 1, 2, 1)), square, groups=groups),
        detail="blur",
    ),
]
