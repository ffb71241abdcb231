"""Encoders and decoders for any shape of sample: fully connected, and convolutional for pictures of any size.

The convolutional networks never compute at full resolution: pixels are folded 2 × 2 into channels first and unfolded
last, which costs a CPU a fraction. Weights lie channels-last, the layout that convolutions are fastest in. Pictures
whose sides do not halve evenly are padded by their own edge on the way in, and cropped on the way out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from gdl_core.errors import InputError

SMALLEST = 8
"""Pixels a side that a convolutional network needs at least."""

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "silu": nn.SiLU, "relu": nn.ReLU, "leaky": partial(nn.LeakyReLU, 0.2), "gelu": nn.GELU, "tanh": nn.Tanh,
}  # fmt: skip
_MLP_WIDTH, _MLP_DEPTH = 512, 2
_CONV_WIDTH, _CONV_HIDDEN = 32, 256
_MOST_CHANNELS = 4  # times the first layer's; more would spend parameters where there are hardly pixels


class CoderSettings(Protocol):
    """What a model's settings say of its networks."""

    @property
    def latent(self) -> int:
        """Dimensions of the latent space."""

    @property
    def network(self) -> str:
        """One of "mlp", "conv", and "auto": convolutional for pictures of 8 × 8 and more."""

    @property
    def width(self) -> int:
        """Hidden units (mlp) or channels of the first layer (conv); 0: 512 and 32."""

    @property
    def depth(self) -> int:
        """Hidden layers (mlp) or halvings of the picture (conv); 0: 2, or until 4 to 7 pixels are left."""

    @property
    def activation(self) -> str:
        """One of "silu", "relu", "leaky", "gelu" and "tanh"."""


def build_encoder(config: CoderSettings, data_shape: Sequence[int], outputs: int) -> nn.Module:
    """Return a network from samples (batch, *data shape) to (batch, outputs)."""
    if _kind(config, data_shape) == "conv":
        return _conv_encoder(config, data_shape, outputs)
    sizes = [_numel(data_shape), *_hidden(config)]
    return nn.Sequential(nn.Flatten(), *_dense(sizes, config), nn.Linear(sizes[-1], outputs))


def build_decoder(config: CoderSettings, data_shape: Sequence[int]) -> nn.Module:
    """Return a network from latent points (batch, latent) to logits (batch, *data shape)."""
    if _kind(config, data_shape) == "conv":
        return _conv_decoder(config, data_shape)
    sizes = [config.latent, *reversed(_hidden(config))]
    return nn.Sequential(
        *_dense(sizes, config), nn.Linear(sizes[-1], _numel(data_shape)), nn.Unflatten(1, tuple(data_shape))
    )


class Pad(nn.Module):
    """Repeat the right and lower edge until the sides are `height` and `width`."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, h, w) -> (batch, channels, height, width)."""
        down, right = self.height - x.shape[2], self.width - x.shape[3]
        return F.pad(x, (0, right, 0, down), mode="replicate") if down or right else x


class Crop(nn.Module):
    """Keep the upper left `height` × `width` pixels."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, h, w) -> (batch, channels, height, width)."""
        return x[:, :, : self.height, : self.width]


def _kind(config: CoderSettings, data_shape: Sequence[int]) -> str:
    is_picture = len(data_shape) == 3 and min(data_shape[1:]) >= SMALLEST
    if config.network == "conv" and not is_picture:
        shape = " × ".join(map(str, data_shape))
        raise InputError(
            f"network: conv needs pictures of {SMALLEST} × {SMALLEST} pixels or more, got {shape}; use mlp"
        )
    return config.network if config.network != "auto" else "conv" if is_picture else "mlp"


def _numel(shape: Sequence[int]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total


def _hidden(config: CoderSettings) -> list[int]:
    """Widths of the encoder's hidden layers, halving: 512, 256."""
    width = config.width or _MLP_WIDTH
    return [max(width >> layer, 8) for layer in range(config.depth or _MLP_DEPTH)]


def _dense(sizes: Sequence[int], config: CoderSettings) -> list[nn.Module]:
    activation = _ACTIVATIONS[config.activation]
    return [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), activation())]


def _plan(config: CoderSettings, data_shape: Sequence[int]) -> tuple[list[int], int, int]:
    """Return the channels after each halving, and the height and width after the last one."""
    _, height, width = data_shape
    halvings = config.depth
    if not halvings:
        while min(height, width) >> (halvings + 1) >= 4:
            halvings += 1
    first = config.width or _CONV_WIDTH
    channels = [min(first << level, first * _MOST_CHANNELS) for level in range(halvings)]
    return channels, -(-height // (1 << halvings)), -(-width // (1 << halvings))


def _conv_encoder(config: CoderSettings, data_shape: Sequence[int], outputs: int) -> nn.Module:
    channels, height, width = _plan(config, data_shape)
    scale = 1 << len(channels)
    activation = _ACTIVATIONS[config.activation]
    layers: list[nn.Module] = [
        Pad(height * scale, width * scale),
        nn.PixelUnshuffle(2),  # (batch, 4 c, h/2, w/2)
        nn.Conv2d(4 * data_shape[0], channels[0], 3, padding=1),
        activation(),
    ]
    for a, b in pairwise(channels):
        layers += [nn.Conv2d(a, b, 3, stride=2, padding=1), activation()]
    layers += [
        nn.Flatten(),
        nn.Linear(channels[-1] * height * width, _CONV_HIDDEN),
        activation(),
        nn.Linear(_CONV_HIDDEN, outputs),
    ]
    return _channels_last(nn.Sequential(*layers))


def _conv_decoder(config: CoderSettings, data_shape: Sequence[int]) -> nn.Module:
    channels, height, width = _plan(config, data_shape)
    activation = _ACTIVATIONS[config.activation]
    layers: list[nn.Module] = [
        nn.Linear(config.latent, _CONV_HIDDEN),
        activation(),
        nn.Linear(_CONV_HIDDEN, channels[-1] * height * width),
        activation(),
        nn.Unflatten(1, (channels[-1], height, width)),
    ]
    for a, b in pairwise(reversed(channels)):
        layers += [nn.ConvTranspose2d(a, b, 4, stride=2, padding=1), activation()]
    layers += [
        nn.Conv2d(channels[0], 4 * data_shape[0], 3, padding=1),
        nn.PixelShuffle(2),  # (batch, c, h, w)
        Crop(data_shape[1], data_shape[2]),
    ]
    return _channels_last(nn.Sequential(*layers))


def _channels_last(network: nn.Module) -> nn.Module:
    converted: nn.Module = convert_conv2d_weight_memory_format(network, torch.channels_last)
    return converted
