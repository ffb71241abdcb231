"""Single environments side by side: each row one of them, stepped one after another; what has ended is not stepped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from gdl_world.environment import Actions

Frame = NDArray[np.uint8]


class Single(Protocol):
    """One environment. Frames are uint8 (height, width, 3) and the caller's to keep."""

    def reset(self, seed: int) -> Frame:
        """Begin the episode of this seed."""

    def step(self, action: Any) -> tuple[Frame, float, bool, bool]:
        """Return what is seen next, the reward, whether the episode ended, and whether it was cut off."""

    def close(self) -> None:
        """Give back what it holds."""


class Many(VectorEnv[NDArray[np.uint8], NDArray[Any], NDArray[Any]]):
    """Rows of a single environment.

    Args:
        make: makes one.
        rows: how many.
        shape: (channels, height, width) of a frame.
        actions: what can be done.
    """

    def __init__(self, make: Callable[[], Single], rows: int, shape: tuple[int, int, int], actions: Actions) -> None:
        self.num_envs = rows
        self.metadata = {"autoreset_mode": AutoresetMode.DISABLED}
        channels, height, width = shape
        self.single_observation_space = gymnasium.spaces.Box(0, 255, (height, width, channels), np.uint8)
        self.single_action_space = (
            gymnasium.spaces.Discrete(actions.choices)
            if actions.choices
            else gymnasium.spaces.Box(-1.0, 1.0, (actions.numbers,), np.float32)
        )
        self.observation_space = batch_space(self.single_observation_space, rows)
        self.action_space = batch_space(self.single_action_space, rows)
        self.singles: list[Single] = []
        try:
            for _ in range(rows):
                self.singles.append(make())
        except BaseException:
            self.close_extras()
            raise
        self._frames = np.zeros((rows, height, width, channels), dtype=np.uint8)
        self._over = np.ones(rows, dtype=bool)

    def reset(
        self, *, seed: Sequence[int] | int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Begin an episode in every row, or in those of `options["reset_mask"]`; one seed counts up along the rows."""
        if seed is None:
            seed = int(self.np_random.integers(1 << 31))
        seeds = [seed + row for row in range(self.num_envs)] if isinstance(seed, int) else list(seed)
        wanted = (options or {}).get("reset_mask", np.ones(self.num_envs, dtype=bool))
        for row in np.flatnonzero(wanted):
            self._frames[row] = self.singles[row].reset(seeds[row])
            self._over[row] = False
        return self._frames.copy(), {}

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[NDArray[np.uint8], NDArray[Any], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Go one step on in the rows whose episodes have not ended."""
        rewards = np.zeros(self.num_envs)
        ended, cut = np.zeros(self.num_envs, dtype=bool), np.zeros(self.num_envs, dtype=bool)
        for row in np.flatnonzero(~self._over):
            self._frames[row], rewards[row], ended[row], cut[row] = self.singles[row].step(actions[row])
        self._over |= ended | cut
        return self._frames.copy(), rewards, ended, cut, {}

    def close_extras(self, **kwargs: Any) -> None:
        """Close every row."""
        for single in self.singles:
            single.close()
        self.singles = []
