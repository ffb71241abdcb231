"""The critic of the style-based GAN: residual blocks that halve the picture (Karras et al. 2020, figure 7).

Where time is short, one of a single convolution for each halving sees more pictures: a plain one, or DCGAN's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from gdl_core.kernels.reference import own_dtypes
from gdl_core.networks.coders import Pad
from gdl_gan.networks import SLOPE, channels_last
from gdl_gan.style_generator import make_plan
from gdl_gan.style_layers import EqualConv, EqualLinear, Impl, append_deviation
from gdl_gan.stylegan_config import StyleGANConfig


class ResidualDown(nn.Module):
    """Half the size: two convolutions beside a shortcut, their sum scaled to keep the variance."""

    def __init__(self, inputs: int, outputs: int, impl: Impl) -> None:
        super().__init__()
        half = math.sqrt(0.5)
        self.first = EqualConv(inputs, inputs, 3, impl)
        self.second = EqualConv(inputs, outputs, 3, impl, down=True, gain=half)
        self.shortcut = EqualConv(inputs, outputs, 1, impl, down=True, activate=False, gain=half)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs, h, w) -> (batch, outputs, h / 2, w / 2)."""
        out: Tensor = self.second(self.first(x)) + self.shortcut(x)
        return out


class Critic(nn.Module):
    """Pictures in [−1, 1] to one number each, high for real ones; it is told how much each group of samples varies."""

    def __init__(self, config: StyleGANConfig, data_shape: Sequence[int]) -> None:
        super().__init__()
        plan = make_plan(config, data_shape)
        impl, channels = config.impl, plan.channels
        kind = config.critic_kind
        self.group = config.group
        height, width = plan.side(plan.doublings + config.fold)
        layers: list[nn.Module] = [Pad(height, width)]
        inputs = data_shape[0]
        # What halves a picture by a filter is blind to its finest pattern, a checkerboard. A plain critic, which has no
        # layer before the first halving, takes every pixel into account by folding them into channels.
        if config.fold or kind == "plain":
            layers += [nn.PixelUnshuffle(2)]
            inputs *= 4
        if kind == "residual":
            layers += [EqualConv(inputs, channels[0], 1, impl)]
            layers += [ResidualDown(a, b, impl) for a, b in pairwise(channels)]
        elif kind == "plain":
            sizes = channels if config.fold else channels[1:]
            layers += [EqualConv(inputs, sizes[0], 3, impl)]
            layers += [EqualConv(a, b, 3, impl, down=True) for a, b in pairwise(sizes)]
        else:
            for a, b in pairwise([inputs, *channels[1:]]):
                layers += [nn.Conv2d(a, b, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
        self.blocks = nn.Sequential(*layers)
        # small folded pictures are not halved again by a DCGAN's critic
        last = inputs if kind == "dcgan" and len(channels) == 1 else channels[-1]
        pixels = plan.height * plan.width
        if kind == "dcgan":
            channels_last(self.blocks)
            self.after: nn.Module = nn.Identity()
            judge: list[nn.Module] = [nn.Linear((last + 1) * pixels, 1)]
        else:
            self.after = EqualConv(last + 1, last, 3, impl)
            judge = [EqualLinear(last * pixels, last, True, impl), EqualLinear(last, 1, False, impl)]
        self.judge = nn.Sequential(nn.Flatten(), *judge, nn.Flatten(0))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, *data shape) -> (batch,), float32."""
        x = self.blocks(x)
        with own_dtypes(x):  # the last layers are small, and what they make decides the loss
            out: Tensor = self.judge(self.after(append_deviation(x, self.group)))
        return out
