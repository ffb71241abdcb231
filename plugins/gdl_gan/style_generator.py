"""The style-based generator: a mapping from Z to W, and a synthesis that styles of W steer layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gdl_core.errors import InputError
from gdl_core.kernels import make_filter, upsample2d
from gdl_core.networks.coders import SMALLEST, Crop
from gdl_core.noise import Noise
from gdl_gan.style_layers import EqualLinear, StyledConv, ToPicture, pixel_norm
from gdl_gan.stylegan_config import StyleGANConfig


@dataclass(frozen=True)
class Plan:
    """Channels from the picture inwards, one for each resolution, and the innermost height and width."""

    channels: tuple[int, ...]
    height: int
    width: int

    @property
    def doublings(self) -> int:
        """How often the innermost side is doubled."""
        return len(self.channels) - 1

    def side(self, doublings: int) -> tuple[int, int]:
        """Height and width after so many doublings."""
        return self.height << doublings, self.width << doublings


def make_plan(config: StyleGANConfig, data_shape: Sequence[int]) -> Plan:
    """Return the resolutions from 4 to 7 pixels a side outwards; sides that do not halve evenly are rounded up.

    The outermost is half of the picture's where pixels are folded.

    Raises:
        InputError: these are no pictures, or they are too small.
    """
    if len(data_shape) != 3 or min(data_shape[1:]) < SMALLEST:
        shape = " × ".join(map(str, data_shape))
        raise InputError(
            f"stylegan makes pictures of {SMALLEST} × {SMALLEST} pixels or more, got samples of {shape}; use gan"
        )
    _, height, width = data_shape
    if config.fold:
        height, width = -(-height // 2), -(-width // 2)
    doublings = 0
    while min(height, width) >> (doublings + 1) >= 4:
        doublings += 1
    channels = tuple(min(config.width << level + config.fold, config.most) for level in range(doublings + 1))
    return Plan(channels, -(-height // (1 << doublings)), -(-width // (1 << doublings)))


class Mapping(nn.Module):
    """Z to W: points brought to one length, then fully connected layers that learn slowly (Karras et al. 2019)."""

    def __init__(self, config: StyleGANConfig) -> None:
        super().__init__()
        sizes = [config.latent, *[config.style] * config.mapping]
        self.layers = nn.Sequential(
            *(EqualLinear(a, b, True, config.impl, rate=config.mapping_rate) for a, b in pairwise(sizes))
        )

    def forward(self, z: Tensor) -> Tensor:
        """(batch, latent) -> (batch, style), float32."""
        w: Tensor = self.layers(pixel_norm(z))
        return w


class Synthesis(nn.Module):
    """Styles to raw pictures: a learned constant, styled convolutions, a picture added up over all resolutions.

    Convolution i takes style i. The picture of a resolution takes the style after that of its last convolution, which
    is that of the next resolution's first one, as in the authors' code. With `fold` the last resolution is half of the
    picture's: its picture is doubled like the others, and what is finer comes from four times the channels, unfolded.
    """

    filter: Tensor

    def __init__(self, config: StyleGANConfig, data_shape: Sequence[int]) -> None:
        super().__init__()
        plan = make_plan(config, data_shape)
        impl = config.impl
        self.impl, self.noisy = impl, config.noise
        outwards = plan.channels[::-1]
        self.constant = nn.Parameter(torch.randn(1, outwards[0], plan.height, plan.width))
        convolutions = [StyledConv(outwards[0], outwards[0], plan.side(0), False, impl, config.noise)]
        for doublings, (a, b) in enumerate(pairwise(outwards), 1):
            convolutions.append(StyledConv(a, b, plan.side(doublings), True, impl, config.noise))
            convolutions.append(StyledConv(b, b, plan.side(doublings), False, impl, config.noise))
        self._sides = [convolution.side for convolution in convolutions]
        self.convolutions = nn.ModuleList(convolutions)
        self.pictures = nn.ModuleList(ToPicture(channels, data_shape[0], impl) for channels in outwards)
        self.layers = len(convolutions) + 1
        # Styles are affine in w and begin as 1 on average. They stand apart from what they steer, so that every layer
        # is a module without parts, whose output is counted when the tile of decoding is measured.
        self.conv_styles = nn.ModuleList(
            EqualLinear(config.style, convolution.weight.shape[1], False, impl, first=1.0)
            for convolution in convolutions
        )
        self.picture_styles = nn.ModuleList(
            EqualLinear(config.style, channels, False, impl, first=1.0) for channels in outwards
        )
        self.fine = ToPicture(outwards[-1], 4 * data_shape[0], impl) if config.fold else None
        self.fine_style = EqualLinear(config.style, outwards[-1], False, impl, first=1.0) if config.fold else None
        self.register_buffer("filter", make_filter(), persistent=False)
        self.crop = Crop(data_shape[1], data_shape[2])

    def forward(self, w: Tensor, noise: Noise | None = None) -> Tensor:
        """Return raw pictures (batch, *data shape), float32, of styles (batch, layers, style).

        Row i takes row i of the noise; without noise the layers add what was drawn for them once and for all.
        """
        x = self.constant.expand(len(w), -1, -1, -1)
        picture: Tensor | None = None
        for index, (convolution, style) in enumerate(zip(self.convolutions, self.conv_styles, strict=True)):
            drawn = None if noise is None or not self.noisy else self._draw(noise.stream(index), len(w), index)
            x = convolution(x, style(w[:, index]), drawn)
            if index % 2 == 0:
                level = index // 2
                part = self.pictures[level](x, self.picture_styles[level](w[:, index + 1]))
                picture = part if picture is None else part + upsample2d(picture, self.filter, impl=self.impl)
        assert picture is not None
        if self.fine is not None and self.fine_style is not None:
            fine = F.pixel_shuffle(self.fine(x, self.fine_style(w[:, -1])), 2)
            picture = fine + upsample2d(picture, self.filter, impl=self.impl)
        out: Tensor = self.crop(picture)
        return out

    def _draw(self, noise: Noise, n: int, index: int) -> Tensor:
        return noise.normal(n, (1, *self._sides[index]), device=self.constant.device)


class Generator(nn.Module):
    """Mapping and synthesis, the mean of W and the mean path length, which only the generator's turns move."""

    style_mean: Tensor
    path_mean: Tensor

    def __init__(self, config: StyleGANConfig, synthesis: nn.Module) -> None:
        super().__init__()
        self.mapping = Mapping(config)
        self.synthesis = synthesis
        self.register_buffer("style_mean", torch.zeros(config.style))
        self.register_buffer("path_mean", torch.zeros(()))

    @torch.no_grad()
    def track_style(self, w: Tensor, decay: float, turn: int) -> None:
        """Take styles (batch, style) into the mean of W."""
        self.style_mean.lerp_(w.mean(0), 1 - ramped(decay, turn))

    @torch.no_grad()
    def track_path(self, lengths: Tensor, decay: float, turn: int) -> None:
        """Take path lengths (batch,) into their mean; `turn` counts the times that this is done."""
        self.path_mean.lerp_(lengths.mean(), 1 - ramped(decay, turn))


def ramped(decay: float, turn: int) -> float:
    """Return the decay at a turn, that of the loop's average of weights: first values are soon forgotten."""
    return min(decay, (1 + turn) / (10 + turn))
