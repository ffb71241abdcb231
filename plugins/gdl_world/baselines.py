"""What an agent is measured against: to play at random, to do nothing, and the best blind sweep.

A sweep goes one way for so many steps and back for as many, without looking. Its half-period is the best of those that
the environment names, found on episodes of their own, so that no score is chosen on the episodes that it is told of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gdl_core.kernels import uniform
from gdl_world.environment import Actions, Environment
from gdl_world.play import Policy


class Random:
    """Does anything, and holds it for some steps. What it does is a function of the episode's seed."""

    def __init__(self, actions: Actions, hold: tuple[int, int], cap: int) -> None:
        self.actions, self.hold, self.cap = actions, hold, cap

    def begin(self, seeds: Sequence[int]) -> None:
        """Decide what is done in the whole of the episodes."""
        self.plan = self._decided(seeds)

    def again(self, rows: NDArray[np.int64], seeds: Sequence[int]) -> None:
        """Decide for new episodes."""
        self.plan[rows] = self._decided(seeds)

    def act(self, frames: NDArray[np.uint8], times: NDArray[np.int64]) -> NDArray[Any]:
        """Return what was decided."""
        return np.asarray(self.plan[np.arange(len(times)), times])

    def _decided(self, seeds: Sequence[int]) -> NDArray[Any]:
        width = 1 + (self.actions.numbers or 1)
        key = torch.tensor([(seed ^ 0x72616E64, 0) for seed in seeds], dtype=torch.int64)
        drawn = uniform((len(seeds), self.cap * width), key=key).reshape(len(seeds), self.cap, width).numpy()
        least, most = self.hold
        lengths = least + (drawn[:, :, 0] * (most - least + 1)).astype(np.int64)
        ends = np.cumsum(lengths, axis=1)
        # which of the drawn actions is held at each time
        which = np.stack([np.searchsorted(row, np.arange(self.cap), side="right") for row in ends])
        chosen = np.take_along_axis(drawn[:, :, 1:], which[:, :, None], axis=1)
        if self.actions.choices:
            return np.asarray((chosen[:, :, 0] * self.actions.choices).astype(np.int64))
        return np.asarray((2 * chosen - 1).astype(np.float32))


class Sweep:
    """Changes between two actions, without looking; a half-period of 0 is to do nothing."""

    def __init__(self, actions: Actions, period: int) -> None:
        self.actions, self.period = actions, period

    def begin(self, seeds: Sequence[int]) -> None:
        """Nothing to be done."""

    def again(self, rows: NDArray[np.int64], seeds: Sequence[int]) -> None:
        """Nothing to be done."""

    def act(self, frames: NDArray[np.uint8], times: NDArray[np.int64]) -> NDArray[Any]:
        """Return the actions of these times."""
        if not self.period:
            return self.actions.repeat(self.actions.still, len(times))
        one, other = (self.actions.repeat(action, len(times)) for action in self.actions.sweep)
        forth = times // self.period % 2 == 0
        return np.where(forth if one.ndim == 1 else forth[:, None], one, other)


class Exploring:
    """Plays as another does, but does something at random for a share of the steps."""

    def __init__(self, policy: Policy, env: Environment, share: float) -> None:
        self.policy, self.share, self.cap = policy, share, env.cap
        self.random = Random(env.actions, env.hold, env.cap)

    def begin(self, seeds: Sequence[int]) -> None:
        """Decide when something random is done, and what."""
        self.policy.begin(seeds)
        self.random.begin(seeds)
        self.when = self._decided(seeds)

    def again(self, rows: NDArray[np.int64], seeds: Sequence[int]) -> None:
        """Decide for new episodes."""
        self.policy.again(rows, seeds)
        self.random.again(rows, seeds)
        self.when[rows] = self._decided(seeds)

    def act(self, frames: NDArray[np.uint8], times: NDArray[np.int64]) -> NDArray[Any]:
        """Return what either does."""
        mine, other = self.policy.act(frames, times), self.random.act(frames, times)
        when = self.when[np.arange(len(times)), times]
        return np.where(when if mine.ndim == 1 else when[:, None], other, mine).astype(mine.dtype)

    def _decided(self, seeds: Sequence[int]) -> NDArray[np.bool_]:
        key = torch.tensor([(seed ^ 0x6578706C, 1 << 40) for seed in seeds], dtype=torch.int64)
        when: NDArray[np.bool_] = uniform((len(seeds), self.cap), key=key).numpy() < self.share
        return when


def baseline(name: str, env: Environment, period: int = 0) -> Random | Sweep:
    """Return the policy of that name: random, still or sweep."""
    if name == "random":
        return Random(env.actions, env.hold, env.cap)
    return Sweep(env.actions, period if name == "sweep" else 0)
