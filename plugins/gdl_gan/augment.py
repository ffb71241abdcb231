"""Differentiable augmentation: the critic sees real and made pictures through the same random changes.

A critic that has few pictures learns them by heart. Changed pictures of both sorts keep it from that, and because the
changes can be differentiated, the generator learns through them and does not copy them (Zhao et al. 2020, section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gdl_core.noise import Noise
from gdl_gan.config import Change

_GREY = 0.5  # what moves in from outside and what is cut out: the middle of the range, as in the paper
_SHIFT = 0.125  # of the side
_HOLE = 0.5  # of the side


def augment(x: Tensor, policy: Sequence[Change], noise: Noise, strength: float = 1.0) -> Tensor:
    """Return pictures changed at random, each in its own way; gradients pass through, also second ones.

    Args:
        x: pictures in [0, 1], (batch, channels, height, width), of any number of channels.
        policy: what to do, in this order: "colour" (brightness, saturation, contrast), "translation" (by up to an
            eighth of each side), "cutout" (a square of half the side becomes grey). Empty: x as it is.
        noise: row i belongs to picture i. Real and made pictures want streams of their own.
        strength: 0 changes nothing, 1 is the paper's.

    Source: Zhao et al. 2020, arXiv:2006.10738, section 4.1 and appendix.
    """
    for change in policy:
        stream = noise.stream("augment", change).at(noise.start)
        x = _CHANGES[change](x, stream.uniform(len(x), (4,)).to(x.device, x.dtype), strength)
    return x


def _colour(x: Tensor, u: Tensor, strength: float) -> Tensor:
    """Brightness by ± 0.25, saturation times 0 to 2 (no change of grey pictures), contrast times 0.5 to 1.5."""
    brightness, saturation, contrast = (strength * (2 * u[:, i, None, None, None] - 1) for i in range(3))
    x = x + 0.25 * brightness
    if x.shape[1] > 1:
        grey = x.mean(1, keepdim=True)
        x = torch.lerp(grey, x, 1 + saturation)
    middle = x.mean((1, 2, 3), keepdim=True)
    return torch.lerp(middle, x, 1 + 0.5 * contrast)


def _translation(x: Tensor, u: Tensor, strength: float) -> Tensor:
    """Move each picture by whole pixels; what comes in from outside is grey."""
    for axis in (2, 3):
        side = x.shape[axis]
        most = int(strength * _SHIFT * side + 0.5)
        shift = (u[:, axis - 2] * (2 * most + 1)).long().clamp(max=2 * most) - most
        source = torch.arange(side, device=x.device) - shift[:, None]  # (batch, side)
        inside = (source >= 0) & (source < side)
        shape = (-1, 1, side, 1) if axis == 2 else (-1, 1, 1, side)
        index = source.clamp(0, side - 1).view(shape).expand_as(x)
        # Within a line each pixel is taken once, so that the sums of the backward pass have one order.
        x = torch.where(inside.view(shape), x.gather(axis, index), _GREY)
    return x


def _cutout(x: Tensor, u: Tensor, strength: float) -> Tensor:
    """Make a square around a random pixel grey; it may reach over the edge."""
    holes = []
    for axis in (2, 3):
        side = x.shape[axis]
        size = int(strength * _HOLE * side + 0.5)
        # of an even size the middle lies between two pixels, so that one more place is as likely
        first = (u[:, axis - 2] * (side + 1 - size % 2)).long().clamp(max=side - size % 2) - size // 2
        place = torch.arange(side, device=x.device) - first[:, None]
        holes.append((place >= 0) & (place < size))
    hole = holes[0][:, None, :, None] & holes[1][:, None, None, :]
    return torch.where(hole, _GREY, x)


_CHANGES: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "colour": _colour,
    "translation": _translation,
    "cutout": _cutout,
}
