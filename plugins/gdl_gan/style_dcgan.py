"""A synthesis of DCGAN's layers, of which styles scale and shift the normalised features.

As in StyleGAN (Karras et al. 2019, equation 1) a style is a factor and a summand for each channel of a layer; but
features are normalised by the statistics of the batch, not of each picture, as in self-modulation (Chen et al. 2019):
a picture may be brighter than others on the whole. A first layer makes the smallest features of the first style.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from gdl_core.kernels.reference import own_dtypes, widen
from gdl_core.networks.coders import Crop
from gdl_core.noise import Noise
from gdl_gan.networks import channels_last
from gdl_gan.style_generator import make_plan
from gdl_gan.stylegan_config import StyleGANConfig


class DCSynthesis(nn.Module):
    """Style 0 makes the features of 4 to 7 pixels a side, style i + 1 steers what convolution i is given."""

    def __init__(self, config: StyleGANConfig, data_shape: Sequence[int]) -> None:
        super().__init__()
        plan = make_plan(config, data_shape)
        outwards = plan.channels[::-1]
        self.first = nn.Linear(config.style, outwards[0] * plan.height * plan.width)
        self.unflatten = nn.Unflatten(1, (outwards[0], plan.height, plan.width))
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels, affine=False) for channels in outwards)
        self.styles = nn.ModuleList(nn.Linear(config.style, 2 * channels) for channels in outwards)
        self.convolutions = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, bias=False) for a, b in pairwise(outwards)
        )
        self.convolutions.append(nn.Conv2d(outwards[-1], data_shape[0], 3, padding=1))
        channels_last(self.convolutions)
        self.layers = len(outwards) + 1
        self.strengths = nn.Parameter(torch.zeros(len(outwards))) if config.noise else None
        self._sides = [plan.side(doublings) for doublings in range(len(outwards))]
        if config.noise:
            for index, side in enumerate(self._sides):
                self.register_buffer(f"noise_{index}", torch.randn(1, 1, *side))
        self.crop = Crop(data_shape[1], data_shape[2])

    def forward(self, w: Tensor, noise: Noise | None = None) -> Tensor:
        """Return raw pictures (batch, *data shape), float32, of styles (batch, layers, style).

        Row i takes row i of the noise; without noise the layers add what was drawn for them once and for all.
        """
        w = w.contiguous()  # one style for all layers is laid out like one for each, for the same bits
        x = self.unflatten(self.first(w[:, 0]))
        layers = zip(self.norms, self.styles, self.convolutions, strict=True)
        for index, (norm, style, convolution) in enumerate(layers):
            if self.strengths is not None:
                x = x + (self._noise(noise, len(w), index) * self.strengths[index]).to(x.dtype)
            with own_dtypes(x):  # small, and what all of a picture hangs on
                factor, summand = style(w[:, index + 1])[:, :, None, None].chunk(2, dim=1)
            x = torch.addcmul(summand.to(x.dtype), norm(x), (1 + factor).to(x.dtype))
            x = convolution(torch.relu(x))
        out: Tensor = self.crop(widen(x))
        return out

    def _noise(self, noise: Noise | None, n: int, index: int) -> Tensor:
        if noise is not None:
            return noise.stream(index).normal(n, (1, *self._sides[index]), device=self.first.weight.device)
        own: Tensor = getattr(self, f"noise_{index}")
        return own
