"""One row of a vector environment as a plain gymnasium environment, for libraries that train in those."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import VectorEnv


class Alone(gymnasium.Env[Any, Any]):
    """A dream, or a real environment, with one row.

    Args:
        worlds: an environment of one row; closed with this one.
        render_mode: rgb_array, to have `render` show what is seen, or None.
    """

    def __init__(self, worlds: VectorEnv[Any, Any, Any], render_mode: str | None = None) -> None:
        if worlds.num_envs != 1:
            raise ValueError(f"one row can be alone; this environment has {worlds.num_envs}")
        self.worlds, self.render_mode = worlds, render_mode
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": 20}
        self.observation_space, self.action_space = worlds.single_observation_space, worlds.single_action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin the episode of a seed; of one that is drawn where none is given."""
        super().reset(seed=seed)
        given = int(self.np_random.integers(1 << 31)) if seed is None else seed
        seen, _ = self.worlds.reset(seed=[given])  # type: ignore[arg-type]  # a seed for each row
        self._seen = seen[0]
        return self._seen, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Go one step on."""
        seen, reward, ended, cut, _ = self.worlds.step(np.asarray(action)[None])
        self._seen = seen[0]
        return self._seen, float(reward[0]), bool(ended[0]), bool(cut[0]), {}

    def render(self) -> Any:
        """Return what is seen, uint8 (height, width, 3), if the mode is rgb_array."""
        if self.render_mode is None:
            return None
        frames = getattr(self.worlds, "frames", None)
        return self._seen if frames is None else frames()[0]

    def close(self) -> None:
        """Close the row."""
        self.worlds.close()
