"""What a controller knows, in standard units: each number less its mean, over its deviation, as random ones meet it.

An LSTM's cell may be much longer than a point of V and hardly change. A controller of random weights would be
ruled by what is constant in it, and evolution would first have to unlearn that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from gdl_core.noise import Noise
from gdl_world.agent import Agent
from gdl_world.dream import Dream
from gdl_world.play import AgentPolicy, dream_returns, played

if TYPE_CHECKING:
    from gdl_world.environment import Environment

_CANDIDATES = 16
_LEAST = 0.05  # a deviation below this counts as this much, so that what never changes is not blown up


class _Moments:
    """Mean and deviation of numbers that come in rows."""

    def __init__(self, numbers: int, device: torch.device) -> None:
        self._count, self._sums = 0, torch.zeros(2, numbers, dtype=torch.float64, device=device)

    def __call__(self, known: Tensor) -> None:
        wide = known.double()
        self._count += len(wide)
        self._sums += torch.stack((wide.sum(0), wide.square().sum(0)))

    def of(self) -> tuple[Tensor, Tensor]:
        mean, square = self._sums / max(self._count, 1)
        return mean.float(), (square - mean.square()).clamp_min(0).sqrt().float()


def standardise(
    agent: Agent, where: Environment | Dream, sigma: float, seeds: Sequence[int], noise: Noise, stop: Callable[[], None]
) -> None:
    """Let an agent's controller know standard units from now on.

    Args:
        agent: is changed in place.
        where: the real environment or the dream in which random controllers play.
        sigma: standard deviation of their parameters.
        seeds: of the episodes that each plays.
        noise: of their parameters.
        stop: called each step; it may raise.
    """
    numbers = len(agent.parameters_of_controller)
    drawn = sigma * noise.normal(_CANDIDATES, (numbers,))
    moments = _Moments(agent.known, agent.device)
    agent.shift.zero_()
    agent.scale.fill_(1.0)
    if isinstance(where, Dream):
        dream_returns(agent, drawn.to(agent.device), where, torch.tensor(seeds), stop, listen=moments)
    else:
        each = drawn.repeat_interleave(len(seeds), dim=0).to(agent.device)
        policy = AgentPolicy(agent)

        def choose(episodes: object) -> None:
            policy.parameters = each[torch.as_tensor(episodes)]

        def see(*what: NDArray[Any]) -> None:
            live = torch.from_numpy(what[-1])  # a row whose episode is over stands still, and is not met
            moments(policy.known[live.to(agent.device)])

        played(where, policy, list(seeds) * _CANDIDATES, stop, choose, see)
    mean, deviation = moments.of()
    agent.shift.copy_(mean)
    agent.scale.copy_(1.0 / deviation.clamp_min(_LEAST))
