"""What vector environments of a plugin share: spaces, seeds and masks as gymnasium has them, and keys of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray
from torch import Tensor

from gdl_world.environment import Actions

Seeds = Sequence[int] | int | None


def row_keys(seeds: Tensor, counter: int) -> Tensor:
    """Return a key of noise for each row, int64 (rows, 2): its seed, and the counter that its numbers begin at."""
    return torch.stack((seeds, torch.full_like(seeds, counter)), dim=1)


def space_of(actions: Actions) -> gymnasium.Space[Any]:
    """Return the space of one action."""
    if actions.choices:
        return gymnasium.spaces.Discrete(actions.choices)
    return gymnasium.spaces.Box(-1.0, 1.0, (actions.numbers,), np.float32)


def set_up(env: VectorEnv[Any, Any, Any], rows: int, seen: gymnasium.Space[Any], done: gymnasium.Space[Any]) -> None:
    """Give an environment of rows its spaces, and say that rows which have ended stand still."""
    env.num_envs = rows
    env.metadata = {"autoreset_mode": AutoresetMode.DISABLED, "render_fps": 20}
    env.single_observation_space, env.single_action_space = seen, done
    env.observation_space, env.action_space = batch_space(seen, rows), batch_space(done, rows)


def seeds_of(env: VectorEnv[Any, Any, Any], seed: Seeds) -> list[int]:
    """Return a seed for each row: those given, or counted up from one, which is drawn where none is given."""
    if seed is None:
        seed = int(env.np_random.integers(1 << 31))
    return [seed + row for row in range(env.num_envs)] if isinstance(seed, int) else [int(one) for one in seed]


def wanted_rows(env: VectorEnv[Any, Any, Any], options: dict[str, Any] | None) -> NDArray[np.bool_]:
    """Return which rows are to begin again, bool (rows,): those of `options["reset_mask"]`, or all."""
    every = np.ones(env.num_envs, dtype=bool)
    return np.asarray((options or {}).get("reset_mask", every), dtype=bool)
