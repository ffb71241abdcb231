"""Against a generator that stays as it is, the critic of each loss finds the optimum that the papers give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gdl_core.contracts import Batch
from gdl_core.noise import Noise
from gdl_core.training.build import build_model
from gdl_core.training.players import Game
from gdl_gan.config import GANConfig
from gdl_gan.gan import GAN

REAL = torch.tensor([[-1.0, 0.5], [1.0, 0.5]])
MADE = torch.tensor([[0.0, -0.8], [0.9, 0.9]])
"""Centres of two mixtures of normal distributions, each of equal weights and a deviation of 0.7."""

DEVIATION = 0.7
SHIFT = torch.tensor([1.2, -0.5])


def draw(centres: Tensor, n: int, noise: Noise) -> Tensor:
    which = (noise.stream("which").uniform(n, (1,))[:, 0] * len(centres)).long()
    return centres[which] + DEVIATION * noise.stream("where").normal(n, (2,))


def log_density(centres: Tensor, x: Tensor) -> Tensor:
    squares = (x[:, None] - centres).square().sum(2) / DEVIATION**2
    return torch.logsumexp(-0.5 * squares, 1) - torch.log(torch.tensor(len(centres) * 2 * torch.pi * DEVIATION**2))


def taught(
    real: Callable[[int, Noise], Tensor], made: Callable[[int, Noise], Tensor], steps: int, linear: bool = False,
    **settings: Any,
) -> GAN:  # fmt: skip
    """Return a model whose critic took all its turns against samples of a distribution that never moves."""

    class Still(GAN):
        def _make(self, batch: Batch, y: Tensor | None) -> Tensor:
            return made(len(batch.x), batch.noise)

    config = GANConfig.model_validate({"network": "mlp", "width": 64, "decay": "cosine", "beta1": 0.9, **settings})
    model = build_model(Still, config, (2,), Noise(0))
    if linear:
        torch.manual_seed(0)
        model.critic = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
    frozen = {name: value.clone() for name, value in model.generator.state_dict().items()}
    game = Game(model)
    seat = game.seats[0]
    assert seat.player.name == "critic"
    for step in range(steps):
        noise = Noise(1).stream(step)
        seat.set_rate(step / steps)
        with game.turn(seat):
            seat.player.loss(Batch(real(384, noise.stream("real")), noise, step, step))["loss"].backward()  # type: ignore[no-untyped-call]
            seat.optimiser.step()
            seat.optimiser.zero_grad()
            if seat.player.after is not None:
                seat.player.after()
    game.close()
    assert all(torch.equal(value, frozen[name]) for name, value in model.generator.state_dict().items())
    return model.eval()


def of_mixtures(loss: str, steps: int = 600) -> tuple[Tensor, Tensor]:
    """Return what the critic says of held-out samples of both mixtures, and log p − log q there."""
    model = taught(
        lambda n, noise: draw(REAL, n, noise), lambda n, noise: draw(MADE, n, noise),
        steps, loss=loss, gamma=0, lr=1e-2,
    )  # fmt: skip
    x = torch.cat([draw(REAL, 1000, Noise(8)), draw(MADE, 1000, Noise(9))])
    with torch.no_grad():
        return model.judge(x), log_density(REAL, x) - log_density(MADE, x)


def test_bce_finds_the_ratio_of_densities() -> None:
    """D*(x) = p(x) / (p(x) + q(x)), whose logit is log p − log q (Goodfellow et al. 2014, proposition 1)."""
    out, ratio = of_mixtures("bce")
    assert float((out - ratio).abs().mean()) < 0.12
    assert float((out.sigmoid() - ratio.sigmoid()).abs().mean()) < 0.02
    assert float((out.sigmoid() - ratio.sigmoid()).abs().max()) < 0.12


def test_relativistic_finds_it_up_to_a_constant() -> None:
    """The best D(x) − D(y) is log p(x) q(y) / (p(y) q(x)), so D* is log p − log q + c."""
    out, ratio = of_mixtures("relativistic")
    error = out - ratio
    assert float((error - error.median()).abs().mean()) < 0.15


def test_hinge_finds_the_sign() -> None:
    """D*(x) is 1 where p > q and −1 where p < q (Lim & Ye 2017, lemma 1)."""
    out, ratio = of_mixtures("hinge")
    clear = ratio.abs() > 1
    assert int(clear.sum()) > 600
    assert float((out[clear] - ratio[clear].sign()).abs().mean()) < 0.12


def _shifted(n: int, noise: Noise) -> Tensor:
    return noise.stream("x").normal(n, (2,)) + SHIFT


def _plain(n: int, noise: Noise) -> Tensor:
    return noise.stream("y").normal(n, (2,))


@pytest.mark.parametrize("weight", [1.0, 10.0])
def test_wgan_gp_finds_the_slope_of_a_linear_critic(weight: float) -> None:
    """Of a ⟨x, s⟩ / |s| against a shift by s, −a |s| + λ (a − 1)² is least at a = 1 + |s| / 2λ."""
    model = taught(_shifted, _plain, 500, linear=True, loss="wgan-gp", gamma=weight, lr=5e-2)
    length = float(SHIFT.norm())
    found = model.critic[0].weight.detach()[0]
    assert torch.allclose(found, (1 + length / (2 * weight)) * SHIFT / length, atol=0.05)


def test_wgan_goes_to_the_corner_of_its_bounds() -> None:
    """A linear critic within ± c is best at c · sign(s)."""
    model = taught(_shifted, _plain, 200, linear=True, loss="wgan", clip=0.05, lr=1e-3)
    assert torch.allclose(model.critic[0].weight.detach()[0], 0.05 * SHIFT.sign(), atol=1e-3)
    assert float(model.critic[0].bias.detach().abs()) <= 0.05 + 1e-6


def test_r1_of_a_linear_critic_is_half_its_squared_slope() -> None:
    """softplus at D = ⟨w, x⟩: with p = q the best w is 0, and R1 pulls there: its gradient is γ w."""
    config = GANConfig(network="mlp", loss="bce", gamma=3.0, lazy=1)
    model = build_model(GAN, config, (2,), Noise(0))
    model.critic = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
    batch = Batch(_plain(64, Noise(0)), Noise(1))
    losses = []
    for gamma in (3.0, 0.0):
        model.config = config.model_copy(update={"gamma": gamma})
        loss = model._critic_loss(batch)["loss"]
        losses.append(torch.autograd.grad(loss, model.critic[0].weight)[0])
    assert torch.allclose(losses[0] - losses[1], 3.0 * model.critic[0].weight.detach(), atol=1e-5)
