"""Penalties on the gradient of a critic with respect to its input."""

from __future__ import annotations

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
