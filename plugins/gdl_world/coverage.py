"""What was seen of a world: how many of its states, and how many kinds of pictures, in so many steps of episodes.

States are known where an environment tells them: episodes are played again there, which they can be, since an episode
is a function of its seed and of what is done. Kinds of pictures are known anywhere: frames shrunk to 8 × 8 greys of 8
shades, as in Ecoffet et al. 2019 (arXiv:1901.10995). Noise makes ever new pictures, and no new state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from gdl_core.data.episodes import Episodes
from gdl_core.errors import DataError
from gdl_world.environment import Environment
from gdl_world.play import play

_SIDE, _SHADES = 8, 8
_FRAMES = 4096  # at a time

States = dict[str, NDArray[np.int64]]


def tells_states(env: Environment) -> bool:
    """Return whether an environment tells its states."""
    worlds = env.make(1)
    try:
        return hasattr(worlds, "states")
    finally:
        worlds.close()


def kinds_of_pictures(episodes: Episodes, begin: int, end: int) -> int:
    """Return how many kinds of pictures there are among frames begin … end − 1."""
    kinds: set[bytes] = set()
    for start in range(begin, end, _FRAMES):
        some = torch.from_numpy(np.array(episodes.data[start : min(start + _FRAMES, end)]))
        grey = F.adaptive_avg_pool2d(some.float().mean(1, keepdim=True), _SIDE)[:, 0]
        shades = (grey * (_SHADES / 256)).to(torch.uint8).flatten(1).numpy()
        kinds.update(row.tobytes() for row in shades)
    return len(kinds)


def states_of(
    env: Environment, episodes: Episodes, begin: int, end: int, stop: Callable[[], None] = lambda: None
) -> States:
    """Return the states in which frames begin … end − 1 were seen, by playing their episodes again.

    Raises:
        DataError: the episodes turn out otherwise than they did; they are of another environment.
    """
    least = int(np.searchsorted(episodes.starts, begin, side="right")) - 1
    most = int(np.searchsorted(episodes.starts, end, side="left"))
    rows = min(env.most, most - least)
    worlds = env.make(rows)
    found: list[States] = []
    try:
        for first in range(least, most, rows):
            numbers = list(range(first, min(first + rows, most)))
            again = _Again(worlds, episodes, numbers + [numbers[-1]] * (rows - len(numbers)))
            earned, lasted, _ = play(worlds, again, [int(episodes.seeds[number]) for number in again.numbers], env.cap,
                                     stop=stop)  # fmt: skip
            if not (
                np.array_equal(lasted, episodes.lengths[again.numbers])
                and np.allclose(earned, episodes.returns[again.numbers], rtol=1e-4, atol=1e-4)
            ):
                raise DataError(f"{episodes.name} were not played in this {env.name}: played again they end otherwise")
            found += [again.states(row) for row in range(len(numbers))]
    finally:
        worlds.close()
    skip = begin - int(episodes.starts[least])
    return {name: np.concatenate([part[name] for part in found])[skip : skip + end - begin] for name in found[0]}


class _Again:
    """Does what was done before, and writes down the states in which it is done."""

    def __init__(self, worlds: Any, episodes: Episodes, numbers: Sequence[int]) -> None:
        self.worlds, self.numbers, self.seen = worlds, list(numbers), []  # type: tuple[Any, list[int], list[States]]
        self.lengths = episodes.lengths[self.numbers]
        self.done = [np.asarray(episodes.actions[episodes.frames_of(number)]) for number in self.numbers]

    def begin(self, seeds: Sequence[int]) -> None:
        """Nothing to be decided."""

    def again(self, rows: NDArray[np.int64], seeds: Sequence[int]) -> None:
        """Nothing to be decided; there is a row for each episode."""

    def act(self, frames: NDArray[np.uint8], times: NDArray[np.int64]) -> NDArray[Any]:
        """Return what was done at these times; of episodes that are over, what was done first."""
        self.seen.append(self.worlds.states())
        return np.stack([done[min(time, len(done) - 1)] for done, time in zip(self.done, times, strict=True)])

    def states(self, row: int) -> States:
        """Return the states of one episode."""
        some = self.seen[: self.lengths[row]]
        return {name: np.array([states[name][row] for states in some]) for name in some[0]}
