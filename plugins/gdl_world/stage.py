"""A real environment for populations: its rows are made once and played in as often as asked.

Rows come in two halves. Where other processes step them, one half is thought about while the other is stepped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gdl_world.agent import Agent
from gdl_world.play import AgentPolicy, play

if TYPE_CHECKING:
    from gymnasium.vector import VectorEnv

    from gdl_world.environment import Environment

_HALVES = 2


class _LeftError(Exception):
    """The other half came to nothing, so this one need not go on."""


class Stage:
    """Rows of a real environment in which populations of controllers play.

    Args:
        env: the environment; half of the rows that it allows are in each half.
    """

    def __init__(self, env: Environment) -> None:
        self.env = env
        self._halves: list[VectorEnv[Any, Any, Any]] = []
        self._sizes: list[int] = []

    def close(self) -> None:
        """Give back what the rows hold."""
        while self._halves:
            self._halves.pop().close()
        self._sizes = []

    def returns(
        self, agent: Agent, parameters: Tensor, seeds: Sequence[int], stop: Callable[[], None] = lambda: None
    ) -> NDArray[np.float64]:
        """Return what candidates earn, (candidates, seeds); all play the same episodes.

        Args:
            agent: sees, remembers and decides.
            parameters: of the controllers, (candidates, parameters).
            seeds: of the episodes that each candidate plays.
            stop: called each step, perhaps by two threads; it may raise.
        """
        episodes = np.arange(len(parameters) * len(seeds))
        parts = [part for half in range(_HALVES) if len(part := episodes[half::_HALVES])]
        self._make([min(max(self.env.most // _HALVES, 1), len(part)) for part in parts])
        earned, left = np.zeros(len(episodes)), Event()

        def go_on() -> None:
            if left.is_set():
                raise _LeftError
            stop()

        def half(which: int) -> None:
            part = parts[which]
            policy = AgentPolicy(agent)

            def choose(rows: NDArray[np.int64]) -> None:
                policy.parameters = parameters[torch.from_numpy(part[rows] // len(seeds)).to(parameters.device)]

            try:
                own = [int(seeds[episode % len(seeds)]) for episode in part]
                earned[part], _, _ = play(self._halves[which], policy, own, self.env.cap, stop=go_on, choose=choose)
            except BaseException:
                left.set()
                raise

        if self._elsewhere():
            with ThreadPoolExecutor(len(parts)) as threads:
                running = [threads.submit(half, which) for which in range(len(parts))]
            errors = [error for each in running if (error := each.exception()) is not None]
            for error in sorted(errors, key=lambda error: isinstance(error, _LeftError)):
                raise error
        else:
            for which in range(len(parts)):
                half(which)
        return earned.reshape(len(parameters), len(seeds))

    def _make(self, sizes: list[int]) -> None:
        """Make the rows of each half, if they are not there as they should be."""
        if self._sizes != sizes:
            self.close()
            for size in sizes:
                self._halves.append(self.env.make(size))
            self._sizes = sizes

    def _elsewhere(self) -> bool:
        from gdl_world.envs.spread import Spread

        return any(isinstance(half, Spread) for half in self._halves)
