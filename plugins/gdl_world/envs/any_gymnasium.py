"""Any environment that gymnasium knows by its id: its pictures, or what it renders where it gives none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gdl_core.errors import DataError, printable
from gdl_world.rows import actions_of

Frame = NDArray[np.uint8]


class AnyGymnasium:
    """One of gymnasium's environments, seen in pictures of one size.

    Args:
        name: its id, like CartPole-v1.
        size: pixels a side that pictures are shrunk to.
        skip: steps for which an action is held; their rewards are summed.
        keywords: what its maker is told besides.

    Raises:
        DataError: it cannot be made, played or drawn, shows no pictures, or takes actions that are neither choices nor
            numbers.
    """

    def __init__(self, name: str, size: int, skip: int, keywords: Mapping[str, Any] | None = None) -> None:
        self.name, self.size, self.skip = name, size, skip
        with self._asked("cannot be made"):
            self.env = gymnasium.make(name, render_mode="rgb_array", **(keywords or {}))
        space = self.env.observation_space
        self.sees = isinstance(space, gymnasium.spaces.Box) and space.dtype == np.uint8 and len(space.shape or ()) == 3
        try:
            self.actions = actions_of(name, self.env.action_space)
        except DataError:
            self.close()
            raise

    def reset(self, seed: int) -> Frame:
        """Begin the episode of this seed."""
        with self._asked("cannot be begun"):
            seen, _ = self.env.reset(seed=seed)
        return self._frame(seen)

    def step(self, action: Any) -> tuple[Frame, float, bool, bool]:
        """Do something, for as many steps as actions are held."""
        total, ended, cut, seen = 0.0, False, False, None
        for _ in range(self.skip):
            with self._asked("cannot be played"):
                seen, reward, ended, cut, _ = self.env.step(self._done(action))
            total += float(reward)
            if ended or cut:
                break
        return self._frame(seen), total, bool(ended), bool(cut)

    def close(self) -> None:
        """Close it; what goes wrong in that is nobody's loss."""
        with suppress(Exception):
            self.env.close()

    @contextmanager
    def _asked(self, what: str) -> Iterator[None]:
        """Tell in a line what fails within: every package has failures of its own."""
        try:
            yield
        except Exception as error:
            lines = str(error).splitlines() or [type(error).__name__]
            raise DataError(f"the environment {self.name} {what}: {printable(lines[0])}") from error

    def _done(self, action: Any) -> Any:
        space = self.env.action_space
        if isinstance(space, gymnasium.spaces.Discrete):
            return int(action) + int(space.start)
        assert isinstance(space, gymnasium.spaces.Box)
        share = (np.asarray(action, dtype=np.float64) + 1) / 2
        return (space.low + share * (space.high - space.low)).astype(space.dtype)

    def _frame(self, seen: Any) -> Frame:
        with self._asked("cannot be drawn (on a machine without a display its package may need to be told so)"):
            picture: Any = seen if self.sees else self.env.render()
        if not isinstance(picture, np.ndarray) or picture.ndim != 3 or picture.shape[-1] not in (1, 3):
            raise DataError(f"the environment {self.name} shows no pictures: it renders {type(picture).__name__}")
        if picture.shape[-1] == 1:
            picture = picture.repeat(3, axis=-1)
        if picture.shape[:2] != (self.size, self.size):
            image = Image.fromarray(np.ascontiguousarray(picture, dtype=np.uint8))
            picture = np.asarray(image.resize((self.size, self.size), Image.Resampling.BOX))
        return np.array(picture, dtype=np.uint8)
