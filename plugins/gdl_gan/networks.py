"""Generators and critics: DCGAN's, residual ones, the VAE's own coders, and fully connected ones.

A generator maps latent points (batch, latent) to raw samples (batch, *data shape), of pictures before the squashing
into [0, 1]; a critic maps samples, pictures in [−1, 1], to (batch,). No critic has batch normalisation: it would make
the penalty on one sample's gradient depend on the others (Gulrajani et al. 2017, section 4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from gdl_core.errors import InputError
from gdl_core.networks.coders import SMALLEST, Crop, Pad, build_decoder, build_encoder
from gdl_gan.config import GANConfig
from gdl_gan.projection import Projection

_Network = TypeVar("_Network", bound=nn.Module)

SLOPE = 0.2
_WIDTH, _MLP_WIDTH, _MLP_DEPTH = 32, 128, 3
_MOST_CHANNELS = 8  # times those of the layer nearest the picture


@dataclass(frozen=True)
class _CoderSettings:
    """The settings of `gdl_core.networks.coders` that give both networks the VAE's shapes."""

    latent: int
    network: str = "auto"
    width: int = 0
    depth: int = 0
    activation: str = "leaky"


def build_generator(config: GANConfig, data_shape: Sequence[int]) -> nn.Module:
    """Return a network from latent points (batch, inputs) to raw samples (batch, *data shape)."""
    kind = _kind(config, data_shape)
    if kind == "coder":
        return build_decoder(_CoderSettings(config.inputs, width=config.width, depth=config.depth), data_shape)
    if kind == "mlp":
        sizes = [config.inputs, *_hidden(config)]
        return nn.Sequential(
            *_dense(sizes), nn.Linear(sizes[-1], math.prod(data_shape)), nn.Unflatten(1, tuple(data_shape))
        )
    return _generator(config, data_shape, residual=kind == "resnet")


def build_critic(config: GANConfig, data_shape: Sequence[int]) -> nn.Module:
    """Return a network from samples (batch, *data shape) to (batch,), or of a conditional GAN a `Projection`."""
    critic = _unconditional(config, data_shape)
    return Projection(critic, len(config.categories)) if config.categories else critic


def _unconditional(config: GANConfig, data_shape: Sequence[int]) -> nn.Sequential:
    kind = _kind(config, data_shape)
    if kind == "coder":
        settings = _CoderSettings(config.inputs, width=config.width, depth=config.depth)
        return nn.Sequential(build_encoder(settings, data_shape, 1), nn.Flatten(0))
    if kind == "mlp":
        sizes = [math.prod(data_shape), *_hidden(config)]
        return nn.Sequential(nn.Flatten(), *_dense(sizes), nn.Linear(sizes[-1], 1), nn.Flatten(0))
    return _critic(config, data_shape, residual=kind == "resnet")


def _kind(config: GANConfig, data_shape: Sequence[int]) -> str:
    is_picture = len(data_shape) == 3 and min(data_shape[1:]) >= SMALLEST
    if config.network in ("dcgan", "resnet") and not is_picture:
        shape = " × ".join(map(str, data_shape))
        raise InputError(
            f"network: {config.network} needs pictures of {SMALLEST} × {SMALLEST} pixels or more, got {shape}; use mlp"
        )
    if config.network == "auto":
        return "dcgan" if is_picture else "mlp"
    return config.network


def _hidden(config: GANConfig) -> list[int]:
    return [config.width or _MLP_WIDTH] * (config.depth or _MLP_DEPTH)


def _dense(sizes: Sequence[int]) -> list[nn.Module]:
    return [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.LeakyReLU(SLOPE))]


def _plan(config: GANConfig, data_shape: Sequence[int]) -> tuple[list[int], int, int]:
    """Return the channels of each doubling from the picture inwards, and the innermost height and width."""
    _, height, width = data_shape
    doublings = config.depth
    if not doublings:
        while min(height, width) >> (doublings + 1) >= 4:
            doublings += 1
    first = config.width or _WIDTH
    channels = [min(first << level, first * _MOST_CHANNELS) for level in range(doublings)]
    return channels, -(-height // (1 << doublings)), -(-width // (1 << doublings))


def _generator(config: GANConfig, data_shape: Sequence[int], residual: bool) -> nn.Sequential:
    channels, height, width = _plan(config, data_shape)
    outwards = channels[::-1]
    layers: list[nn.Module] = [
        nn.Linear(config.inputs, outwards[0] * height * width),
        nn.Unflatten(1, (outwards[0], height, width)),
    ]
    for level, channel in enumerate(outwards):
        following = outwards[min(level + 1, len(outwards) - 1)]
        if residual:
            layers.append(ResidualUp(channel, following))
        else:
            layers += [
                nn.BatchNorm2d(channel),
                nn.ReLU(),
                nn.ConvTranspose2d(channel, following, 4, stride=2, padding=1),
            ]
    layers += [
        nn.BatchNorm2d(outwards[-1]),
        nn.ReLU(),
        nn.Conv2d(outwards[-1], data_shape[0], 3, padding=1),
        Crop(data_shape[1], data_shape[2]),
    ]
    return channels_last(nn.Sequential(*layers))


def _critic(config: GANConfig, data_shape: Sequence[int], residual: bool) -> nn.Sequential:
    channels, height, width = _plan(config, data_shape)
    scale = 1 << len(channels)
    layers: list[nn.Module] = [Pad(height * scale, width * scale)]
    if residual:
        layers += [nn.Conv2d(data_shape[0], channels[0], 3, padding=1)]
        layers += [ResidualDown(channels[max(0, level - 1)], channel) for level, channel in enumerate(channels)]
        layers += [nn.LeakyReLU(SLOPE)]
    else:
        for a, b in pairwise([data_shape[0], *channels]):
            layers += [nn.Conv2d(a, b, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
    layers += [nn.Flatten(), nn.Linear(channels[-1] * height * width, 1), nn.Flatten(0)]
    return channels_last(nn.Sequential(*layers))


class ResidualUp(nn.Module):
    """Twice the size: two convolutions beside a shortcut (He et al. 2016, as Gulrajani et al. 2017 use it)."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.before, self.between = nn.BatchNorm2d(channels), nn.BatchNorm2d(outputs)
        self.first = nn.Conv2d(channels, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(channels, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, h, w) -> (batch, outputs, 2 h, 2 w)."""
        h = self.first(_double(torch.relu(self.before(x))))
        h = self.second(torch.relu(self.between(h)))
        out: Tensor = h + _double(self.shortcut(x))
        return out


class ResidualDown(nn.Module):
    """Half the size: two convolutions beside a shortcut."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(channels, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, h, w) -> (batch, outputs, h / 2, w / 2)."""
        activation = nn.functional.leaky_relu
        h = self.second(activation(self.first(activation(x, SLOPE)), SLOPE))
        out: Tensor = nn.functional.avg_pool2d(h, 2) + self.shortcut(nn.functional.avg_pool2d(x, 2))
        return out


def _double(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, scale_factor=2, mode="nearest")


def channels_last(network: _Network) -> _Network:
    """Lay out the weights of all convolutions so that they, and what they make, lie pixel by pixel."""
    converted: _Network = convert_conv2d_weight_memory_format(network, torch.channels_last)
    return converted
