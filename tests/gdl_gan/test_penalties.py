"""The penalties are what the papers say, where that can be known exactly."""

from __future__ import annotations

import pytest
import torch
from differences import agrees_with_finite_differences
from torch import Tensor, nn

from gdl_core.networks.penalties import one_centred, squared_gradient, zero_centred

WEIGHT = torch.tensor([[3.0, -4.0]])


def linear(x: Tensor) -> Tensor:
    """A critic whose gradient is (3, −4) everywhere."""
    return (x @ WEIGHT.T).flatten()


def test_of_a_linear_critic_the_penalties_are_exact() -> None:
    real, fake = torch.randn(7, 2), torch.randn(7, 2)
    out, squares = squared_gradient(linear, real)
    assert torch.equal(out, linear(real))
    assert squares.tolist() == [25.0] * 7
    assert zero_centred(linear, real)[1].item() == 12.5
    assert one_centred(linear, real, fake, torch.rand(7)).item() == pytest.approx(16.0, abs=1e-5)


def test_the_penalty_of_a_quadratic_critic() -> None:
    x = torch.tensor([[1.0, 2.0], [0.0, -3.0]])
    assert zero_centred(lambda x: x.square().sum(1), x)[1].item() == pytest.approx(0.5 * (20 + 36) / 2)


def test_mixtures_lie_where_the_share_says() -> None:
    seen: list[Tensor] = []

    def critic(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return x.sum(1)

    one_centred(critic, torch.ones(3, 2), torch.zeros(3, 2), torch.tensor([0.0, 0.25, 1.0]))
    assert seen[0].tolist() == [[0, 0], [0.25, 0.25], [1, 1]]


@pytest.mark.parametrize("kind", ["zero", "one"])
def test_the_gradient_of_a_penalty_is_that_of_finite_differences(kind: str) -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1), nn.Flatten(0)).double()
    real, fake, share = torch.randn(4, 2).double(), torch.randn(4, 2).double(), torch.rand(4)

    def penalty() -> Tensor:
        return zero_centred(critic, real)[1] if kind == "zero" else one_centred(critic, real, fake, share)

    # the squares are taken in float32
    agrees_with_finite_differences(penalty, critic[0].weight, [(0, 0), (2, 1), (4, 0)], 1e-5, rel=0.05, abs=5e-3)


def test_a_penalty_needs_no_gradients_around_it() -> None:
    with torch.no_grad():
        assert zero_centred(linear, torch.randn(3, 2))[1].item() == 12.5
