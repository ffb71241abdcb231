"""Gradients that penalties are made of: of a critic in its input, and of a generator in its styles."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Critic = Callable[[Tensor], Tensor]


def squared_gradient(critic: Critic, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the critic's output on x, (batch,), and the squared norm of its gradient there, (batch,).

    Both can be differentiated, so that the norm can be part of a loss.
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_(True)
        out = critic(x)
        (gradient,) = torch.autograd.grad(out.sum(), x, create_graph=True)
    return out, gradient.float().square().flatten(1).sum(1)


def zero_centred(critic: Critic, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the critic's output on x and E‖∇D(x)‖² / 2: R1 on real samples, R2 on fakes (Mescheder et al. 2018)."""
    out, squares = squared_gradient(critic, x)
    return out, 0.5 * squares.mean()


def one_centred(critic: Critic, real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
    """Return E(‖∇D(x̂)‖ − 1)², x̂ between real and fake: the penalty of WGAN-GP (Gulrajani et al. 2017, (3)).

    Args:
        critic: gives (batch,) of (batch, *data shape).
        real, fake: samples.
        share: of the real sample in each mixture, (batch,), in [0, 1].
    """
    share = share.view(-1, *[1] * (real.dim() - 1)).to(real.dtype)
    _, squares = squared_gradient(critic, torch.lerp(fake, real, share))
    return ((squares + 1e-12).sqrt() - 1).square().mean()


def path_lengths(synthesise: Callable[[Tensor], Tensor], w: Tensor, directions: Tensor) -> Tensor:
    """Return ‖Jᵀy‖, (batch,), of pictures in their styles, y ~ N(0, I) / √pixels (Karras et al. 2020, equation 4).

    The length is the root of the mean over layers of the squared gradient, and can be differentiated.

    Args:
        synthesise: gives pictures (batch, channels, height, width) of styles (batch, layers, width), each of its own.
        w: styles, on the tape or not.
        directions: standard normal numbers of the pictures' shape.
    """
    with torch.enable_grad():
        w = w if w.requires_grad else w.detach().requires_grad_(True)
        made = synthesise(w)
        y = directions / math.sqrt(made.shape[2] * made.shape[3])
        (gradient,) = torch.autograd.grad((made * y).sum(), w, create_graph=True)
    return (gradient.square().sum(2).mean(1) + 1e-12).sqrt()  # at 0 a root has no gradient
