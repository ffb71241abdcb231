"""Playing: populations of controllers in a dream or in the real environment, all at once, and single policies with all
that they see and do.

Rows share what happens by chance: row r of every candidate is begun with seed r, so that candidates are compared on the
same episodes (common random numbers). Rows that have ended leave a dream, so that it costs no more than it is long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gdl_core.noise import Noise
from gdl_world.agent import Agent
from gdl_world.controller import decide, told
from gdl_world.dream import Dream
from gdl_world.rows import points, to_input

if TYPE_CHECKING:
    from gymnasium.vector import VectorEnv

    from gdl_world.environment import Environment

_PACK = 0.9  # rows are packed once fewer than this share of them are left


class Policy(Protocol):
    """Whatever plays."""

    def begin(self, seeds: Sequence[int]) -> None:
        """Episodes with these seeds begin, one in each row."""

    def act(self, frames: NDArray[np.uint8], time: int) -> NDArray[Any]:
        """Return what is done in each row at frames (rows, height, width, channels)."""


@torch.no_grad()
def dream_returns(
    agent: Agent,
    parameters: Tensor,
    dream: Dream,
    seeds: Tensor,
    stop: Callable[[], None] = lambda: None,
    *,
    precision: torch.dtype = torch.float32,
    pack: bool = True,
) -> tuple[Tensor, Tensor]:
    """Return what candidates earn in dreams and how long those last, each (candidates, seeds) float64 on the CPU.

    Args:
        agent: tells what is known; its M is not asked, the dream's is.
        parameters: of the controllers, (candidates, parameters).
        dream: what it is played in.
        seeds: int64 (seeds,), one for each dream of a candidate.
        stop: called each step; it may raise.
        precision: of the LSTM and its head.
        pack: let rows that have ended leave.
    """
    memory, device = dream.memory.stepper(precision), dream.memory.device
    candidates, rollouts, seeds = len(parameters), len(seeds), seeds.to(device)
    sees_memory = agent.memory is not None
    row = torch.arange(candidates * rollouts, device=device)  # which of all rows are still there
    of_seed = row % rollouts
    z = dream.begin(seeds)[of_seed]
    hidden, cell = dream.memory.begin(len(row))
    mine = parameters.to(device)[row // rollouts]
    earned = torch.zeros(len(row), dtype=torch.float64, device=device)
    lasted = torch.zeros(len(row), dtype=torch.float64, device=device)
    live = torch.ones(len(row), dtype=torch.bool, device=device)
    for time in range(dream.cap):
        stop()
        known = torch.cat((z, hidden, cell), dim=1) if sees_memory else z
        action = decide(mine, known, dream.actions)
        hidden, cell = memory.advance(z, told(action, dream.actions), (hidden, cell))
        outlook = memory.outlook(hidden)
        choose, normal = dream.chances(seeds, time)
        z = dream.draw(outlook, choose[of_seed], normal[of_seed])
        earned[row] += torch.where(live, dream.reward(outlook, hidden), 0.0).double()
        lasted[row] += live
        live = live & ~(outlook.ended.sigmoid() > dream.ended)
        left = int(live.sum())
        if not left:
            break
        if pack and left < _PACK * len(live):
            row, of_seed, z, hidden, cell, mine = (part[live] for part in (row, of_seed, z, hidden, cell, mine))
            live = torch.ones(left, dtype=torch.bool, device=device)
    shape = (candidates, rollouts)
    return earned.reshape(shape).cpu(), lasted.reshape(shape).cpu()


class AgentPolicy:
    """An agent, or a population of its controllers, as a policy; the noise of z is a function of seed and time."""

    def __init__(self, agent: Agent, parameters: Tensor | None = None) -> None:
        self.agent, self.parameters = agent, parameters

    def begin(self, seeds: Sequence[int]) -> None:
        """Forget what was."""
        self.state: Any = None
        self.seeds = torch.tensor(list(seeds), dtype=torch.int64, device=self.agent.device)

    @torch.no_grad()
    def act(self, frames: NDArray[np.uint8], time: int) -> NDArray[Any]:
        """Return what the controllers say."""
        self.z = points(self.agent.look(to_input(frames, self.agent.device)), self.seeds, time)
        action, self.state = self.agent.decide(self.z, self.state, self.parameters)
        result: NDArray[Any] = action.cpu().numpy()
        return result


def play(
    env: VectorEnv[Any, Any, Any],
    policy: Policy,
    seeds: Sequence[int],
    cap: int,
    see: Callable[[int, NDArray[np.uint8], NDArray[Any], NDArray[Any], NDArray[np.bool_]], None] | None = None,
    stop: Callable[[], None] = lambda: None,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Play one episode in each row; return what each earned, its steps, and whether the environment ended it.

    Args:
        env: an environment of as many rows as there are seeds.
        policy: plays.
        seeds: of the episodes.
        cap: steps after which episodes are cut off.
        see: called each step as see(time, frames, actions, rewards, rows that are in play).
        stop: called each step; it may raise.
    """
    rows = len(seeds)
    frames, _ = env.reset(seed=[int(seed) for seed in seeds])  # type: ignore[arg-type]  # rows take a seed each
    policy.begin(seeds)
    earned, steps = np.zeros(rows), np.zeros(rows, dtype=np.int64)
    live, ended = np.ones(rows, dtype=bool), np.zeros(rows, dtype=bool)
    for time in range(cap):
        stop()
        actions = policy.act(frames, time)
        seen = frames
        frames, rewards, over, cut, _ = env.step(actions)
        if see is not None:
            see(time, seen, actions, rewards, live)
        earned += np.where(live, rewards, 0.0)
        steps += live
        ended |= live & over
        live = live & ~(over | cut)
        if not live.any():
            break
    return earned, steps, ended


def played(
    env: Environment,
    policy: Policy,
    seeds: Sequence[int],
    stop: Callable[[], None] = lambda: None,
    choose: Callable[[int, int], None] = lambda first, rows: None,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Play any number of episodes, so many at once as the environment allows; return what each earned, and its steps.

    Args:
        env: the real environment; what is made of it is closed again.
        policy: plays.
        seeds: of the episodes.
        stop: called each step; it may raise.
        choose: called as choose(first, rows) before episodes first … first + rows − 1 are played; some of the last
            block's are beyond the end, where there are fewer left than rows.
    """
    rows = min(env.most, len(seeds))
    worlds = env.make(rows)
    earned, steps = [], []
    try:
        for first in range(0, len(seeds), rows):
            some = list(seeds[first : first + rows])
            choose(first, rows)
            got, lasted, _ = play(worlds, policy, some + [some[-1]] * (rows - len(some)), env.cap, stop=stop)
            earned.append(got[: len(some)])
            steps.append(lasted[: len(some)])
    finally:
        worlds.close()
    return np.concatenate(earned), np.concatenate(steps)


def real_returns(
    agent: Agent, parameters: Tensor, env: Environment, seeds: Sequence[int], stop: Callable[[], None] = lambda: None
) -> NDArray[np.float64]:
    """Return what candidates earn in the real environment, (candidates, seeds); all play the same episodes."""
    candidates = len(parameters)
    each = parameters.repeat_interleave(len(seeds), dim=0)
    policy = AgentPolicy(agent)

    def choose(first: int, rows: int) -> None:
        policy.parameters = each[torch.arange(first, first + rows).clamp(max=len(each) - 1)]

    earned, _ = played(env, policy, list(seeds) * candidates, stop, choose)
    return earned.reshape(candidates, len(seeds))


def episode_seeds(noise: Noise, first: int, n: int) -> list[int]:
    """Return the seeds of episodes first … first + n − 1 of a stream, below 2^31, which every environment takes."""
    start = noise.key_seed % (1 << 31)
    return [(start + 2654435761 * (first + i)) % ((1 << 31) - 1) for i in range(n)]
