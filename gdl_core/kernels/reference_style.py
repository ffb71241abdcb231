"""The operations of style-based generators in plain torch: what is right, differentiable as often as one likes.

Half precision computes in float32, whatever autocast says.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gdl_core.kernels.reference import own_dtypes, widen


def bias_act(x: Tensor, bias: Tensor | None, dim: int, positive: float, negative: float, limit: float) -> Tensor:
    """See gdl_core.kernels.bias_act; the slopes hold the gain, and a limit of infinity clamps nothing."""
    value = widen(x)
    if bias is not None:
        value = value + bias.to(value.dtype).reshape(-1, *[1] * (x.dim() - dim - 1))
    value = positive * (F.relu(value) if negative == 0 else F.leaky_relu(value, negative / positive))
    if limit == float("inf"):
        return value.to(x.dtype)
    bound = torch.full((), limit, dtype=x.dtype, device=x.device).to(value.dtype)
    clamped = value.detach().clamp(-bound, bound)
    inside = clamped.to(x.dtype).abs() < bound.to(x.dtype)  # as the stored result says: a native gradient has no other
    return torch.where(inside, value, clamped).to(x.dtype)


def resample(x: Tensor, taps: Tensor, grid: tuple[int, int, int, int, int, int], flip: bool, gain: float) -> Tensor:
    """See gdl_core.kernels.resample; grid is (up, down, left, right, top, bottom)."""
    up, down, *padding = grid
    batch, channels, height, width = x.shape
    value = widen(x).reshape(batch * channels, 1, height, width)
    if up > 1:
        spaced = F.pad(value.reshape(batch * channels, 1, height, 1, width, 1), (0, up - 1, 0, 0, 0, up - 1))
        value = spaced.reshape(batch * channels, 1, height * up, width * up)
    value = F.pad(value, padding)
    kernel = taps.to(value.dtype)
    if not flip:
        kernel = kernel.flip(0)  # conv2d correlates
    with own_dtypes(x):
        value = F.conv2d(value, (gain * kernel).reshape(1, 1, -1, 1), stride=(down, 1))
        value = F.conv2d(value, kernel.reshape(1, 1, 1, -1), stride=(1, down))
    return value.reshape(batch, channels, *value.shape[2:]).to(x.dtype)
