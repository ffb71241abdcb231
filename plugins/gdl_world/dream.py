"""A dream: M's expectation of an environment, played as one (Ha & Schmidhuber 2018, section 4).

`Dream` holds what a dream is made of. `DreamEnv` is a gymnasium `VectorEnv` of so many rows, in which other libraries
can train, too; what it shows are V's points, and frames where it is asked to. Populations are evaluated by
`gdl_world.play`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from torch import Tensor

from gdl_core.data.episodes import Episodes
from gdl_core.kernels import LOG_STD_MAX, LOG_STD_MIN, randn, reparameterize, uniform
from gdl_core.latent.tiles import encode_rows, to_pixels
from gdl_core.values import TrainedModel
from gdl_world.controller import told
from gdl_world.curiosity import Curiosity
from gdl_world.environment import Actions
from gdl_world.fit import is_a, need_fit
from gdl_world.memory import Memory, Outlook, State
from gdl_world.row_noise import row_keys
from gdl_world.rows import Seeds, seeds_of, set_up, space_of, wanted_rows
from gdl_world.sequences import Sequences
from gdl_world.starts import amid
from gdl_world.vision import Vision

_WORDS = 4  # a Philox counter gives four numbers


@dataclass(frozen=True)
class Dream:
    """What a dream is made of.

    Args:
        vision: V, which only shows what is dreamt.
        memory: M.
        actions: what can be done.
        mean, log_var: posteriors of the frames that dreams begin with, each (starts, latent).
        state: what M remembers at these, two times (starts, hidden); None: nothing, for they are first frames.
        temperature: how uncertain the dream is.
        ended: probability from which on an episode is taken to have ended.
        cap: steps after which a dream is cut off.
        curiosity: what is earned in place of the reward that the memory learned, if anything is.
    """

    vision: Vision
    memory: Memory
    actions: Actions
    mean: Tensor
    log_var: Tensor
    temperature: float
    ended: float
    cap: int
    curiosity: Curiosity | None = None
    state: State | None = None

    def begin(self, seeds: Tensor) -> Tensor:
        """Return the first points of dreams, (rows, latent): which start, and where in its posterior, by the seed."""
        at = self._start(seeds)
        z: Tensor = reparameterize(self.mean[at], self.log_var[at], key=row_keys(seeds, 1))
        return z

    def remembered(self, seeds: Tensor) -> State:
        """Return M's state at the first points of dreams, two times (rows, hidden)."""
        if self.state is None:
            return self.memory.begin(len(seeds))
        at = self._start(seeds)
        hidden, cell = self.state
        return hidden[at], cell[at]

    def _start(self, seeds: Tensor) -> Tensor:
        which = uniform((len(seeds), 1), key=row_keys(seeds, 0), device=seeds.device)[:, 0] * len(self.mean)
        return which.long().clamp(max=len(self.mean) - 1)

    def chances(self, seeds: Tensor, time: int) -> tuple[Tensor, Tensor]:
        """Return what decides of a step: numbers of [0, 1) that choose components, and normal ones, (rows, latent)."""
        latent = self.mean.shape[1]
        counters = 2 * time * -(-latent // _WORDS) + 2 * latent  # behind those of `begin`
        choose = uniform((len(seeds), latent), key=row_keys(seeds, counters), device=seeds.device)
        second = row_keys(seeds, counters + -(-latent // _WORDS))
        normal = randn((len(seeds), latent), key=second, device=seeds.device)
        return choose, normal

    def ends(self, outlook: Outlook) -> Tensor:
        """Return whether a step is the last one, bool (rows,)."""
        return outlook.ended.sigmoid() > self.ended

    def reward(self, outlook: Outlook, hidden: Tensor) -> Tensor:
        """Return what a step earns, (rows,), by what the LSTM's output (rows, hidden) says. Nothing is curious about
        the last step: what would follow it was never learned.
        """
        if self.curiosity is None:
            return outlook.reward
        worth = self.curiosity.worth(self.curiosity.memory.disagreement(hidden))
        return worth.masked_fill(self.ends(outlook), 0.0) + self.curiosity.own * outlook.reward

    def draw(self, outlook: Outlook, choose: Tensor, normal: Tensor) -> Tensor:
        """Return the next points (rows, latent): components by inverse CDF, at the dream's temperature.

        What `mdn_sample` does, with the noise of a row given: rows of several candidates share it, and rows that have
        ended leave.
        """
        temperature = self.temperature
        if temperature == 0:
            chosen = outlook.logits.argmax(-1, keepdim=True)
            return outlook.mean.gather(-1, chosen).squeeze(-1)
        weights = torch.softmax(outlook.logits / temperature, dim=-1)
        reached, chosen = weights[..., 0].clone(), torch.zeros_like(weights[..., 0], dtype=torch.int64)
        for k in range(1, weights.shape[-1]):
            chosen += reached < choose
            reached += weights[..., k]
        at = chosen[..., None]
        mean, log_std = outlook.mean.gather(-1, at).squeeze(-1), outlook.log_std.gather(-1, at).squeeze(-1)
        std = torch.exp(log_std.clamp(LOG_STD_MIN, LOG_STD_MAX))
        drawn: Tensor = mean + std * (temperature**0.5 * normal)
        return drawn


def dream_of(
    vision: TrainedModel,
    memory: TrainedModel,
    starts: Episodes | Sequences,
    temperature: float = 1.0,
    ended: float = 0.5,
    cap: int | None = None,
) -> Dream:
    """Return the dream of a world.

    Args:
        vision: a world/vision, by whose numbers the memory goes.
        memory: a world/memory.
        starts: episodes, with whose first frames dreams begin, or their sequences: then dreams begin anywhere in them,
            and M remembers what came before. Either way nothing that is held out is dreamt of.
        temperature: how uncertain it is; 1 as it was learned.
        ended: probability of the end from which on a dream has ended.
        cap: steps at most; by default those of the environment.

    Raises:
        DataError: they are other models, or do not fit together.
    """
    v, m, told = is_a(vision, Vision, "world/vision"), is_a(memory, Memory, "world/memory"), starts.about
    actions = Actions(choices=told["actions"]["choices"], numbers=told["actions"]["numbers"])
    need_fit("vision and memory", v.latent_shape, m.latent_shape)
    need_fit("the memory's actions and those of the episodes", m.config.actions, actions.width)
    if isinstance(starts, Sequences):
        need_fit("the sequences and the vision", starts.vision[:12], vision.fingerprint[:12])
        mean, log_var, state = amid(m, starts)
        return Dream(v, m, actions, mean, log_var, temperature, ended, cap or int(told["cap"]), state=state)
    need_fit("the vision and the episodes", tuple(v.data_shape), tuple(starts.shape))
    training = np.setdiff1d(np.arange(len(starts.seeds)), starts.held_out_episodes())
    posterior = encode_rows(vision, starts, starts.starts[training])
    assert posterior.log_var is not None
    return Dream(v, m, actions, posterior.mean, posterior.log_var, temperature, ended, cap or int(told["cap"]))


def moved(dream: Dream, device: torch.device | str) -> Dream:
    """Return the dream on a device; its models, which others may share, are moved there."""
    for model in (dream.vision, dream.memory, *((dream.curiosity.memory,) if dream.curiosity is not None else ())):
        model.to(device)
    state = None if dream.state is None else (dream.state[0].to(device), dream.state[1].to(device))
    return replace(dream, mean=dream.mean.to(device), log_var=dream.log_var.to(device), state=state)


def at_temperature(dream: Dream, temperature: float) -> Dream:
    """Return the same dream, more or less certain."""
    return replace(dream, temperature=temperature)


class DreamEnv(VectorEnv[NDArray[np.float32], NDArray[Any], NDArray[Any]]):
    """Rows of a dream. Observations are V's points, float32 (rows, latent); `frames` shows them.

    A row whose dream has ended stands still until it is begun again, or, with `autoreset` NEXT_STEP, begins another
    with the next step: that of the seed so many on as there are rows. `info` has `ended`, the probability that the step
    was the last.

    Raises:
        ValueError: `autoreset` is another mode than these two.
    """

    def __init__(self, dream: Dream, rows: int, autoreset: AutoresetMode = AutoresetMode.DISABLED) -> None:
        if autoreset not in (AutoresetMode.DISABLED, AutoresetMode.NEXT_STEP):
            raise ValueError(f"a dream begins again by itself with the next step or not at all, not {autoreset.value}")
        self.dream, self.autoreset = dream, autoreset
        seen = gymnasium.spaces.Box(-np.inf, np.inf, (dream.mean.shape[1],), np.float32)
        set_up(self, rows, seen, space_of(dream.actions), autoreset)
        self._memory = dream.memory.stepper()
        self._seeds: Tensor | None = None

    def reset(
        self, *, seed: Seeds = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin a dream in every row, or in those of `options["reset_mask"]`; one seed counts up along the rows."""
        rows, seeds = self.num_envs, torch.tensor(seeds_of(self, seed))
        mask = torch.from_numpy(wanted_rows(self, options))
        if self._seeds is None:
            self._seeds, self._z = seeds, self.dream.begin(seeds)
            self._time, self._over = torch.zeros(rows, dtype=torch.int64), torch.zeros(rows, dtype=torch.bool)
            self._state = self.dream.remembered(seeds)
        else:
            self._seeds = torch.where(mask, seeds, self._seeds)
            self._z = torch.where(mask[:, None], self.dream.begin(seeds), self._z)
            self._time, self._over = self._time.masked_fill(mask, 0), self._over & ~mask
            (hidden, cell), (fresh, new) = self._state, self.dream.remembered(seeds)
            self._state = torch.where(mask[:, None], fresh, hidden), torch.where(mask[:, None], new, cell)
        return self._z.numpy().copy(), {}

    @torch.no_grad()
    def step(
        self, actions: NDArray[Any]
    ) -> tuple[NDArray[np.float32], NDArray[Any], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Dream one step on in the rows that have not ended."""
        assert self._seeds is not None, "reset() comes first"
        dream, live = self.dream, ~self._over
        if self.autoreset is AutoresetMode.NEXT_STEP and bool(self._over.any()):
            # These rows do nothing else in this step: they are not live.
            self.reset(seed=(self._seeds + self.num_envs).tolist(), options={"reset_mask": self._over.numpy()})
        action = told(torch.from_numpy(np.asarray(actions)), dream.actions)
        state = self._memory.advance(self._z, action, self._state)
        outlook = self._memory.outlook(state[0])
        choose, normal = self._chances()
        z = dream.draw(outlook, choose, normal)
        hidden, cell = self._state
        self._state = torch.where(live[:, None], state[0], hidden), torch.where(live[:, None], state[1], cell)
        self._z = torch.where(live[:, None], z, self._z)
        self._time = self._time + live
        over = live & dream.ends(outlook)
        cut = live & ~over & (self._time >= dream.cap)
        self._over = self._over | over | cut
        reward = torch.where(live, dream.reward(outlook, state[0]), 0.0).double()
        info = {"ended": dream.memory.end_probability(outlook.ended).where(live, 0.0).numpy()}
        return self._z.numpy().copy(), reward.numpy(), over.numpy(), cut.numpy(), info

    def frames(self) -> NDArray[np.uint8]:
        """Return what V sees in the rows, uint8 (rows, height, width, channels)."""
        with torch.no_grad():
            return to_pixels(self.dream.vision.decode(self._z))

    def _chances(self) -> tuple[Tensor, Tensor]:
        """Return the noise of the step; rows may be at different times."""
        assert self._seeds is not None
        times = sorted(set(self._time.tolist()))
        if len(times) == 1:
            return self.dream.chances(self._seeds, times[0])
        choose, normal = torch.empty_like(self._z), torch.empty_like(self._z)
        for time in times:
            rows = self._time == time
            choose[rows], normal[rows] = self.dream.chances(self._seeds[rows], time)
        return choose, normal
