"""Layers of style-based networks: equalised learning rates, modulated convolutions, standard deviations of groups.

Weights are drawn from N(0, 1) and scaled when they are used, by gain / √(inputs of a unit), so that Adam moves all of
them at one speed (Karras et al. 2018, section 4.1). Everything small is computed in float32 under autocast too: the
mapping, the styles, the factors of demodulation, the last layers of the critic. Pictures lie channel by channel, not
channels-last: resampling wants them so, and the copies would cost what the convolutions gain.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gdl_core.kernels import bias_act, downsample2d, make_filter, resample
from gdl_core.kernels.reference import own_dtypes, widen

Impl = Literal["auto", "reference"]

_SMALL = 1e-8


class EqualLinear(nn.Module):
    """A fully connected layer with an equalised learning rate, in float32.

    Args:
        inputs, outputs: dimensions.
        activate: leaky ReLU of gain √2, or none.
        first: what the bias begins as.
        rate: multiplier of the learning rate (Karras et al. 2019, appendix C).
        impl: which kernels.
    """

    def __init__(
        self, inputs: int, outputs: int, activate: bool, impl: Impl, first: float = 0.0, rate: float = 1.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), first / rate))
        self.scale, self.rate, self.impl = rate / math.sqrt(inputs), rate, impl
        self.act: Literal["lrelu", "linear"] = "lrelu" if activate else "linear"

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs) -> (batch, outputs)."""
        with own_dtypes(x):
            out = F.linear(widen(x), self.weight * self.scale)
            return bias_act(out, self.bias * self.rate, act=self.act, impl=self.impl)


class EqualConv(nn.Module):
    """A convolution with an equalised learning rate; with `down` the picture is filtered and halved.

    Args:
        inputs, outputs: channels.
        size: pixels of the kernel's side.
        impl: which kernels.
        down: halve the height and width.
        activate: bias and leaky ReLU; neither otherwise.
        gain: of what comes out, beside the activation's own √2.
    """

    filter: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int,
        impl: Impl,
        down: bool = False,
        activate: bool = True,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size))
        self.bias = nn.Parameter(torch.zeros(outputs)) if activate else None
        self.scale = 1.0 / math.sqrt(inputs * size * size)
        self.size, self.down, self.gain, self.impl = size, down, gain, impl
        if down:
            self.register_buffer("filter", make_filter(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs, h, w) -> (batch, outputs, h, w), or half of h and w."""
        weight = self.weight * (self.scale if self.bias is not None else self.scale * self.gain)
        if not self.down:
            x = F.conv2d(x, weight, padding=self.size // 2)
        elif self.size == 1:  # of the filtered pixels, only those are computed that something is made of
            x = F.conv2d(downsample2d(x, self.filter, impl=self.impl), weight)
        else:
            x = resample(x, self.filter, padding=self.size // 2 + 1, impl=self.impl)
            x = F.conv2d(x, weight, stride=2)
        if self.bias is None:
            return x
        return bias_act(x, self.bias, gain=math.sqrt(2) * self.gain, impl=self.impl)


class StyledConv(nn.Module):
    """A 3 × 3 convolution whose weights a style scales and a demodulation scales back, then noise, bias, leaky ReLU.

    Scaling a sample's weights by its style, input channel by input channel, is scaling its input; bringing them to unit
    norm, output channel by output channel, is scaling its output. So all samples share one convolution (Karras et al.
    2020, equations 1 and 3, and appendix B). With `up`, a transposed convolution of the small picture and the filter
    are what the convolution of the doubled one would be, for a quarter of the arithmetic.

    Args:
        inputs, outputs: channels.
        side: (height, width) of what comes out.
        up: double the height and width.
        noise: add noise, of a strength that is learned.
        impl: which kernels.
    """

    filter: Tensor
    noise: Tensor

    def __init__(
        self, inputs: int, outputs: int, side: tuple[int, int], up: bool, impl: Impl, noise: bool = True
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = 1.0 / math.sqrt(inputs * 9)
        self.side, self.up, self.impl = side, up, impl
        self.strength = nn.Parameter(torch.zeros(())) if noise else None
        if noise:
            self.register_buffer("noise", torch.randn(1, 1, *side))
        if up:
            self.register_buffer("filter", make_filter(), persistent=False)

    def convolve(self, x: Tensor, style: Tensor) -> Tensor:
        """Return the modulated and demodulated convolution: (batch, inputs, h, w), (batch, inputs) -> outputs.

        The factors are float32; x is scaled in its own type.
        """
        out, factor = self._convolve(x, style)
        return out * factor

    def _convolve(self, x: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is still to be demodulated, and the factor to do it by, (batch, outputs, 1, 1)."""
        with own_dtypes(x):
            weight = self.weight * self.scale
            squares = weight.square().sum((2, 3))
            factor = (style.square() @ squares.T + _SMALL).rsqrt()
        x = x * style.to(x.dtype)[:, :, None, None]
        if self.up:
            out = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            out = resample(out, self.filter, padding=1, gain=4.0, impl=self.impl)
        else:
            out = F.conv2d(x, weight, padding=1)
        return out, factor.to(out.dtype)[:, :, None, None]

    def forward(self, x: Tensor, style: Tensor, noise: Tensor | None) -> Tensor:
        """Return (batch, outputs, *side); `noise` is (batch, 1, *side), or None for the layer's own."""
        out, factor = self._convolve(x, style)
        out = out * factor
        if self.strength is not None:  # not addcmul, whose gradient takes a pass more over everything
            given = self.noise if noise is None else noise
            out = out.add_((given * self.strength).to(out.dtype))
        return bias_act(out, self.bias, impl=self.impl)


class ToPicture(nn.Module):
    """A 1 × 1 convolution to the channels of the picture, modulated and not demodulated, float32.

    Its weights are so few that each sample has its own: one product of matrices for each.
    """

    def __init__(self, inputs: int, outputs: int, impl: Impl) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale, self.impl = 1.0 / math.sqrt(inputs), impl

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """(batch, inputs, h, w), (batch, inputs) -> (batch, outputs, h, w)."""
        with own_dtypes(x):
            weight = (self.weight * self.scale) * style[:, None]
        out = widen(torch.bmm(weight.to(x.dtype), x.flatten(2)))
        return bias_act(out.reshape(*out.shape[:2], *x.shape[2:]), self.bias, act="linear", impl=self.impl)


def pixel_norm(z: Tensor) -> Tensor:
    """Return points (batch, n) scaled to a mean square of 1 (Karras et al. 2018, section 4.2)."""
    z = widen(z)
    return z * (z.square().mean(1, keepdim=True) + _SMALL).rsqrt()


def append_deviation(x: Tensor, group: int) -> Tensor:
    """Return x (batch, channels, h, w) with a channel more: how much its group varies (Karras et al. 2018, section 3).

    The standard deviation over the samples of a group, averaged over channels and pixels, in float32. Samples that
    stand together are a group, of `group` where the batch can be divided so, else nearly of one size and no larger.
    """
    x = widen(x)
    n = len(x)
    if n % group == 0:
        parts = [x.reshape(n // group, group, *x.shape[1:])]
    else:
        parts = [part[None] for part in x.tensor_split(-(-n // group))]
    told = [
        (part.var(1, unbiased=False) + _SMALL).sqrt().flatten(1).mean(1).repeat_interleave(part.shape[1])
        for part in parts
    ]
    channel = torch.cat(told)[:, None, None, None].expand(n, 1, *x.shape[2:])
    return torch.cat([x, channel], dim=1)
