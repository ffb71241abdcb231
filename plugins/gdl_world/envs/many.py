"""Single environments side by side: each row one of them, stepped one after another; what has ended is not stepped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from gdl_world.environment import Actions
from gdl_world.rows import Seeds, pictures_of, seeds_of, set_up, space_of, wanted_rows

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
        channels, height, width = shape
        set_up(self, rows, pictures_of(shape), space_of(actions))
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
        self, *, seed: Seeds = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Begin an episode in every row, or in those of `options["reset_mask"]`; one seed counts up along the rows."""
        seeds, wanted = seeds_of(self, seed), wanted_rows(self, options)
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
