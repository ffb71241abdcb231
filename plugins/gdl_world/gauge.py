"""The cheat gauge: what an agent earns in the dream that it evolved in over what it earns in the real environment.

Near 1 the dream is as hard as the world is. Far above 1 the agent lives by what the dream gets wrong, which it does
the better the more certain the dream is (Ha & Schmidhuber 2018, section 4.5).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch

from gdl_core.errors import DataError
from gdl_world.agent import Agent
from gdl_world.dream import moved
from gdl_world.fit import need_dream
from gdl_world.play import dream_returns

if TYPE_CHECKING:
    from gdl_world.environment import Environment


def earned_in_dream(
    agent: Agent, env: Environment, seeds: Sequence[int], stop: Callable[[], None], cap: int
) -> float | None:
    """Return what an agent earns on average in dreams of these seeds; None where they are no whole episodes: they begin
    anywhere, or are cut off sooner than those outside, which last `cap` steps at most.

    Raises:
        DataError: the environment is no dream, or one that the agent cannot play in.
    """
    if env.dream is None:
        raise DataError(f"a dream is needed to compare with (do: dream), but {env.name} is none")
    need_dream(agent, env.dream)
    if env.dream.state is not None or env.dream.cap < cap:
        return None
    parameters = agent.parameters_of_controller[None]
    earned, _ = dream_returns(agent, parameters, moved(env.dream, "cpu"), torch.tensor(seeds), stop)
    return float(earned.mean())


def cheat_gauge(dreamt: float | None, real: float) -> float | None:
    """Return what was earned in a dream over what was earned outside, or None where the ratio means nothing.

    It means nothing where nothing was dreamt, or where no more than 0 was earned outside.
    """
    return None if dreamt is None or real <= 0 else dreamt / real
