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

from gdl_core.kernels import randn
from gdl_core.noise import Noise
from gdl_world.agent import Agent
from gdl_world.controller import decide, told
from gdl_world.dream import Dream
from gdl_world.row_noise import points, row_keys, to_input

if TYPE_CHECKING:
    from gymnasium.vector import VectorEnv

    from gdl_world.environment import Environment

_DRAWS = 0x61726F756E64  # sets the noise of drawn controllers apart from that of points
_PACK = 0.9  # rows are packed once fewer than this share of them are left


class Policy(Protocol):
    """Whatever plays."""

    def begin(self, seeds: Sequence[int]) -> None:
        """Episodes with these seeds begin, one in each row."""

    def again(self, rows: NDArray[np.int64], seeds: Sequence[int]) -> None:
        """Episodes with these seeds begin in some of the rows, while the others go on."""

    def act(self, frames: NDArray[np.uint8], times: NDArray[np.int64]) -> NDArray[Any]:
        """Return what is done in each row at frames (rows, height, width, channels), each row's step of its episode."""


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
    listen: Callable[[Tensor], None] | None = None,
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
        listen: told what is known in the rows that have not ended, each step.
    """
    memory, device = dream.memory.stepper(precision), dream.memory.device
    candidates, rollouts, seeds = len(parameters), len(seeds), seeds.to(device)
    row = torch.arange(candidates * rollouts, device=device)  # which of all rows are still there
    of_seed = row % rollouts
    z = dream.begin(seeds)[of_seed]
    hidden, cell = (part[of_seed] for part in dream.remembered(seeds))
    mine = parameters.to(device)[row // rollouts]
    earned = torch.zeros(len(row), dtype=torch.float64, device=device)
    lasted = torch.zeros(len(row), dtype=torch.float64, device=device)
    live = torch.ones(len(row), dtype=torch.bool, device=device)
    for time in range(dream.cap):
        stop()
        known = agent.know(z, (hidden, cell))
        if listen is not None:
            listen(known[live])
        action = decide(mine, agent.standard(known), dream.actions)
        hidden, cell = memory.advance(z, told(action, dream.actions), (hidden, cell))
        outlook = memory.outlook(hidden)
        choose, normal = dream.chances(seeds, time)
        z = dream.draw(outlook, choose[of_seed], normal[of_seed])
        earned[row] += torch.where(live, dream.reward(outlook, hidden), 0.0).double()
        lasted[row] += live
        live = live & ~dream.ends(outlook)
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

    def again(self, rows: NDArray[np.int64], seeds: Sequence[int]) -> None:
        """Forget what was in these rows."""
        these = torch.from_numpy(rows).to(self.agent.device)
        self.seeds[these] = torch.tensor(list(seeds), dtype=torch.int64, device=self.agent.device)
        if self.state is not None:
            self.state = tuple(part.index_fill(0, these, 0.0) for part in self.state)

    @property
    def known(self) -> Tensor:
        """What the controllers knew when they acted last, (rows, features)."""
        return self.agent.know(self.z, self._before)

    @torch.no_grad()
    def act(self, frames: NDArray[np.uint8], times: NDArray[np.int64]) -> NDArray[Any]:
        """Return what the controllers say."""
        device = self.agent.device
        seen = self.agent.look(to_input(frames, device))
        draws = self.agent.config.draws
        self.z = points(seen, self.seeds, torch.from_numpy(times).to(device)) if draws else seen.mean
        self._before = self.state
        action, self.state = self.agent.decide(self.z, self.state, self.parameters)
        result: NDArray[Any] = action.cpu().numpy()
        return result


class Around(AgentPolicy):
    """In each episode another controller, drawn by the seed around that of an agent."""

    def __init__(self, agent: Agent, sigma: float) -> None:
        super().__init__(agent)
        self.sigma = sigma

    def begin(self, seeds: Sequence[int]) -> None:
        """Draw the controllers."""
        super().begin(seeds)
        self.parameters = self._drawn(seeds)

    def again(self, rows: NDArray[np.int64], seeds: Sequence[int]) -> None:
        """Draw those of new episodes."""
        super().again(rows, seeds)
        assert self.parameters is not None
        self.parameters[torch.from_numpy(rows).to(self.agent.device)] = self._drawn(seeds)

    def _drawn(self, seeds: Sequence[int]) -> Tensor:
        mean = self.agent.parameters_of_controller
        key = row_keys(torch.tensor([seed ^ _DRAWS for seed in seeds], device=mean.device), 1 << 40)
        normal: Tensor = randn((len(seeds), len(mean)), key=key, device=mean.device)
        return mean + self.sigma * normal


See = Callable[
    [NDArray[np.int64], NDArray[np.uint8], NDArray[Any], NDArray[Any], NDArray[np.bool_]],
    None,
]


def play(
    env: VectorEnv[Any, Any, Any],
    policy: Policy,
    seeds: Sequence[int],
    cap: int,
    see: See | None = None,
    stop: Callable[[], None] = lambda: None,
    choose: Callable[[NDArray[np.int64]], None] = lambda episodes: None,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Play an episode for each seed; return what each earned, its steps, and whether the environment ended it.

    A row whose episode is over begins the next one that is left, so that none waits for the longest.

    Args:
        env: an environment of no more rows than there are seeds.
        policy: plays.
        seeds: of the episodes.
        cap: steps after which episodes are cut off.
        see: called each step as see(times, frames, actions, rewards, rows that are in play).
        stop: called each step; it may raise.
        choose: told the number of the episode in each row, before its first step.
    """
    rows, n = env.num_envs, len(seeds)
    earned, steps, ended = np.zeros(n), np.zeros(n, dtype=np.int64), np.zeros(n, dtype=bool)
    episodes, times = np.arange(rows), np.zeros(rows, dtype=np.int64)
    live, begun = np.ones(rows, dtype=bool), rows
    frames, _ = env.reset(seed=[int(seed) for seed in seeds[:rows]])  # type: ignore[arg-type]  # rows take a seed each
    policy.begin(seeds[:rows])
    choose(episodes)
    while live.any():
        stop()
        actions = policy.act(frames, times)
        seen = frames
        frames, rewards, over, cut, _ = env.step(actions)
        if see is not None:
            see(times, seen, actions, rewards, live)
        now = episodes[live]
        earned[now] += rewards[live]
        ended[now] = over[live]
        steps[now] += 1
        times = times + live
        done = live & (over | cut | (times >= cap))
        live = live & ~done
        times[done] = 0
        fresh = np.flatnonzero(done)[: n - begun]
        if len(fresh):
            episodes[fresh] = np.arange(begun, begun + len(fresh))
            begun += len(fresh)
            live[fresh] = True
            mask = np.zeros(rows, dtype=bool)
            mask[fresh] = True
            wanted = [int(seeds[int(episode)]) for episode in episodes]
            frames, _ = env.reset(seed=wanted, options={"reset_mask": mask})  # type: ignore[arg-type]
            policy.again(fresh, [wanted[row] for row in fresh])
            choose(episodes)
    return earned, steps, ended


def played(
    env: Environment,
    policy: Policy,
    seeds: Sequence[int],
    stop: Callable[[], None] = lambda: None,
    choose: Callable[[NDArray[np.int64]], None] = lambda episodes: None,
    see: See | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Play any number of episodes, so many at once as the environment allows; return what each earned, and its steps.

    Args:
        env: the real environment; what is made of it is closed again.
        policy, seeds, stop, choose, see: as in `play`.
    """
    worlds = env.make(min(env.most, len(seeds)))
    try:
        earned, steps, _ = play(worlds, policy, seeds, env.cap, see, stop, choose)
    finally:
        worlds.close()
    return earned, steps


def episode_seeds(noise: Noise, first: int, n: int) -> list[int]:
    """Return the seeds of episodes first … first + n − 1 of a stream, below 2^31, which every environment takes."""
    start = noise.key_seed % (1 << 31)
    return [(start + 2654435761 * (first + i)) % ((1 << 31) - 1) for i in range(n)]
