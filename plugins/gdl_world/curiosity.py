"""Curiosity: an environment whose reward is what a memory does not know yet.

`surprise` is how unlikely the memory held what came (Pathak et al. 2017, arXiv:1705.05363). Noise, a screen that
flickers, surprises for ever. `disagreement` is the variance of what an ensemble expects (Pathak et al. 2019,
arXiv:1906.04161), which goes down for noise too once it has been seen often enough; and it needs no next frame, so that
it is known in dreams (Sekar et al. 2020, arXiv:2005.05960). Both are counted in standard deviations above what is usual
in episodes that the memory knows, and never below zero, so that dull lives are not worse than short ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import gymnasium
import numpy as np
import torch
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from torch import Tensor

from gdl_core.errors import DataError
from gdl_core.noise import Noise
from gdl_world.controller import told
from gdl_world.environment import Actions
from gdl_world.memory import Memory, surprise_of
from gdl_world.row_noise import points, to_input
from gdl_world.rows import Seeds, seeds_of, set_up, space_of, wanted_rows
from gdl_world.sequences import Sequences, take_apart
from gdl_world.vision import Vision

By = Literal["surprise", "disagreement"]

_BATCH, _WINDOWS = 64, 2048  # windows at a time, and windows at most, by which it is told what is usual


@dataclass(frozen=True)
class Curiosity:
    """What a step is worth to a player who is curious.

    Args:
        memory: M, whose ignorance is looked for.
        by: what that is measured by.
        usual: mean of it over steps that the memory knows.
        spread: its standard deviation over them.
        own: how much of the environment's own reward is added.
    """

    memory: Memory
    by: By
    usual: float
    spread: float
    own: float = 0.0

    def worth(self, value: Tensor) -> Tensor:
        """Return what steps are worth, (rows,), by their surprise or disagreement."""
        return ((value - self.usual) / self.spread).clamp(min=0.0)


@torch.no_grad()
def calibrated(memory: Memory, known: Sequences, by: By, own: float, noise: Noise) -> Curiosity:
    """Return the curiosity of one who knows the training part of such sequences.

    Raises:
        DataError: the memory has no ensemble, or the sequences no two steps in a row.
    """
    if by == "disagreement" and len(memory.ensemble) < 2:
        raise DataError("disagreement needs a memory with an ensemble of two or more: train it with set: {ensemble: 5}")
    values: list[Tensor] = []
    rows = known.train[:_WINDOWS]
    for start in range(0, len(rows), _BATCH):
        steps = take_apart(known.tensor(rows[start : start + _BATCH]), known.latent, known.actions)
        z = memory.draw(steps, noise.at(start))
        output, _ = memory.lstm(torch.cat((z, steps.action), dim=2))
        goes_on = steps.goes_on[:, :-1]
        at = output[:, :-1][goes_on]
        values.append(
            memory.disagreement(at) if by == "disagreement" else surprise_of(memory.outlook(at), z[:, 1:][goes_on])
        )
    every = torch.cat(values) if values else torch.empty(0)
    if len(every) < 2:
        raise DataError(f"{known.name}: there are no steps by which it could be told what is usual")
    return Curiosity(memory, by, float(every.mean()), max(float(every.std()), 1e-6), own)


class CuriousEnv(VectorEnv[NDArray[np.uint8], NDArray[Any], NDArray[Any]]):
    """Rows of an environment whose reward is curiosity. The last step of an episode has none: nothing follows it.

    Points of V are drawn by seed and time as an agent's are, so that what it sees is what is judged.

    Args:
        worlds: rows of the environment; closed with this one.
        vision: V.
        curiosity: what steps are worth.
        actions: what can be done.
    """

    def __init__(
        self, worlds: VectorEnv[Any, Any, Any], vision: Vision, curiosity: Curiosity, actions: Actions
    ) -> None:
        self.worlds, self.vision, self.curiosity, self.actions = worlds, vision.cpu(), curiosity, actions
        curiosity.memory.cpu()  # a step before may have left either on a GPU
        seen = worlds.single_observation_space
        assert isinstance(seen, gymnasium.spaces.Box)
        set_up(self, worlds.num_envs, seen, space_of(actions))
        self._seeds: Tensor | None = None

    def reset(
        self, *, seed: Seeds = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Begin an episode in every row, or in those of `options["reset_mask"]`; one seed counts up along the rows."""
        rows, given = self.num_envs, seeds_of(self, seed)
        frames, info = self.worlds.reset(seed=given, options=options)  # type: ignore[arg-type]  # a seed for each row
        mask, seeds = torch.from_numpy(wanted_rows(self, options)), torch.tensor(given)
        if self._seeds is None:
            self._seeds, self._time = seeds, torch.zeros(rows, dtype=torch.int64)
            self._over = torch.zeros(rows, dtype=torch.bool)
            self._state = self.curiosity.memory.begin(rows)
            self._z = self._look(frames)
        else:
            self._seeds = torch.where(mask, seeds, self._seeds)
            self._time, self._over = self._time.masked_fill(mask, 0), self._over & ~mask
            hidden, cell = self._state
            self._state = hidden.masked_fill(mask[:, None], 0.0), cell.masked_fill(mask[:, None], 0.0)
            self._z = torch.where(mask[:, None], self._look(frames), self._z)
        return frames, info

    @torch.no_grad()
    def step(
        self, actions: NDArray[Any]
    ) -> tuple[NDArray[np.uint8], NDArray[Any], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Go one step on; `info` has `own`, what the environment itself gives for it."""
        memory, live = self.curiosity.memory, ~self._over
        self._state = memory.advance(self._z, told(torch.from_numpy(np.asarray(actions)), self.actions), self._state)
        frames, own, over, cut, _ = self.worlds.step(actions)
        self._time = self._time + live
        before, self._z = self._state[0], self._look(frames)
        if self.curiosity.by == "disagreement":
            value = memory.disagreement(before)
        else:
            value = surprise_of(memory.outlook(before), self._z)
        ended = torch.from_numpy(over | cut)
        worth = torch.where(live & ~ended, self.curiosity.worth(value), 0.0).double().numpy()
        reward = worth + self.curiosity.own * np.where(live.numpy(), own, 0.0)
        self._over = self._over | ended
        return frames, reward, over, cut, {"own": own}

    @torch.no_grad()
    def _look(self, frames: NDArray[np.uint8]) -> Tensor:
        assert self._seeds is not None
        return points(self.vision.encode(to_input(frames, self.vision.device)), self._seeds, self._time)

    def close_extras(self, **kwargs: Any) -> None:
        """Close the environment within."""
        self.worlds.close()
