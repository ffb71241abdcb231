"""What vector environments of a plugin share: spaces, seeds and masks as gymnasium has them. No torch is imported here,
nor by environments that need none: their workers are there sooner, and smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from gdl_core.errors import DataError
from gdl_world.environment import Actions

Seeds = Sequence[int] | int | None


def space_of(actions: Actions) -> gymnasium.Space[Any]:
    """Return the space of one action."""
    if actions.choices:
        return gymnasium.spaces.Discrete(actions.choices)
    return gymnasium.spaces.Box(-1.0, 1.0, (actions.numbers,), np.float32)


def actions_of(name: str, space: Any) -> Actions:
    """Return what can be done in a space of actions.

    Raises:
        DataError: it is neither of choices nor of numbers between bounds.
    """
    if isinstance(space, gymnasium.spaces.Discrete):
        n = int(space.n)
        return Actions(choices=n, still=0, sweep=(1, n - 1) if n > 2 else (0, n - 1))
    if isinstance(space, gymnasium.spaces.Box) and len(space.shape) == 1 and space.is_bounded("both"):
        n = int(space.shape[0])
        rest = (0.0,) * (n - 1)
        return Actions(numbers=n, still=(0.0,) * n, sweep=((-1.0, *rest), (1.0, *rest)))
    raise DataError(f"the environment {name} takes actions of {space}; choices or a row of bounded numbers are needed")


def pictures_of(shape: tuple[int, ...]) -> gymnasium.spaces.Box:
    """Return the space of frames of (channels, height, width), as (height, width, channels)."""
    channels, height, width = shape
    return gymnasium.spaces.Box(0, 255, (height, width, channels), np.uint8)


def set_up(
    env: VectorEnv[Any, Any, Any],
    rows: int,
    seen: gymnasium.Space[Any],
    done: gymnasium.Space[Any],
    autoreset: AutoresetMode = AutoresetMode.DISABLED,
) -> None:
    """Give an environment of rows its spaces, and say what becomes of rows that have ended: they stand still, if it is
    not said otherwise.
    """
    env.num_envs = rows
    env.metadata = {"autoreset_mode": autoreset, "render_fps": 20}
    env.single_observation_space, env.single_action_space = seen, done
    env.observation_space, env.action_space = batch_space(seen, rows), batch_space(done, rows)


def seeds_of(env: VectorEnv[Any, Any, Any], seed: Seeds) -> list[int]:
    """Return a seed for each row: those given, or counted up from one, which is drawn where none is given.

    One seed also decides what is drawn later, where none is given.
    """
    if seed is None:
        seed = int(env.np_random.integers(1 << 31))
    elif isinstance(seed, int | np.integer):
        env._np_random, env._np_random_seed = np_random(int(seed))
    if isinstance(seed, int | np.integer):
        return [int(seed) + row for row in range(env.num_envs)]
    return [int(one) for one in seed]


def wanted_rows(env: VectorEnv[Any, Any, Any], options: dict[str, Any] | None) -> NDArray[np.bool_]:
    """Return which rows are to begin again, bool (rows,): those of `options["reset_mask"]`, or all."""
    every = np.ones(env.num_envs, dtype=bool)
    return np.asarray((options or {}).get("reset_mask", every), dtype=bool)
