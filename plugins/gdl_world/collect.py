"""Collect episodes into a store, block by block: a block is as many episodes as are played at once.

The frames of a block are kept in memory where all of them would fit if no episode ended early, else in temporary files
beside the store, so that memory is bounded whatever an environment does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdl_core.data.episodes import Episodes
from gdl_core.files import cannot_write
from gdl_core.noise import Noise
from gdl_world.environment import Environment
from gdl_world.play import Policy, episode_seeds, play
from gdl_world.store import Episode, Store

_COPIED = 64  # episodes at a time
_IN_MEMORY = 1 << 29  # bytes of frames


def collect(
    env: Environment,
    policy: Policy,
    store: Store,
    episodes: int,
    noise: Noise,
    progress: Callable[..., None],
    stop: Callable[[], None],
    enough: int | None = None,
) -> None:
    """Play until the store has so many episodes; episode i is that of seed i, whatever was stored before.

    Args:
        env, policy: what is played, and who plays.
        store: where it is kept.
        episodes: how many there are to be.
        noise: stream that seeds come from.
        progress: called as progress(episodes, of how many, steps=steps).
        stop: called each step; it may raise.
        enough: steps of all episodes together after which no further one is kept.

    Raises:
        StorageError: the disk is full; the same call goes on.
        CancelledError: `stop` said so; the same call goes on.
    """

    def done() -> bool:
        return len(store.episodes) >= episodes or (enough is not None and store.steps >= enough)

    if done():
        return
    rows = min(env.slots, episodes)
    worlds = env.make(rows)
    try:
        while not done():
            first = len(store.episodes)
            progress(first, episodes, steps=store.steps)
            wanted = min(rows, episodes - first)
            seeds = episode_seeds(noise, first, rows)  # the last block plays some that nobody wants
            with _frames(rows, env, store.folder) as frames:
                block = _block(worlds, policy, seeds, env.cap, wanted, frames, stop)
                store.add(block if enough is None else _until(block, enough - store.steps))
        progress(len(store.episodes), episodes, steps=store.steps)
    finally:
        worlds.close()


def _until(block: Iterator[Episode], steps: int) -> Iterator[Episode]:
    """Give episodes until they have so many steps together."""
    for episode in block:
        yield episode
        steps -= len(episode.frames)
        if steps <= 0:
            return


class _InMemory(ExitStack):
    """The frames of rows, step by step."""

    def __init__(self) -> None:
        super().__init__()
        self._steps: list[NDArray[np.uint8]] = []

    def add(self, frames: NDArray[np.uint8], live: NDArray[np.bool_]) -> None:
        """Keep a step of all rows, of which these are in play."""
        self._steps.append(np.array(frames))

    def of(self, row: int, steps: int) -> NDArray[np.uint8]:
        """Return the frames of one row."""
        return np.stack([frames[row] for frames in self._steps[:steps]])


class _InFiles(ExitStack):
    """The frames of rows, each in a file that is gone when it is closed."""

    def __init__(self, rows: int, shape: tuple[int, int, int], folder: Path) -> None:
        super().__init__()
        channels, height, width = shape
        self._folder, self._shape = folder, (height, width, channels)
        self._files: list[Any] = []
        for _ in range(rows):
            self._files.append(self.enter_context(TemporaryFile(dir=folder)))  # noqa: SIM115  # this is the context

    def add(self, frames: NDArray[np.uint8], live: NDArray[np.bool_]) -> None:
        """Keep a step of the rows that are in play."""
        try:
            for row in np.flatnonzero(live):
                self._files[row].write(np.ascontiguousarray(frames[row]).data)
        except OSError as error:
            raise cannot_write(self._folder, error) from error

    def of(self, row: int, steps: int) -> NDArray[np.uint8]:
        """Return the frames of one row, mapped."""
        try:
            self._files[row].flush()
        except OSError as error:
            raise cannot_write(self._folder, error) from error
        return np.memmap(self._files[row], dtype=np.uint8, mode="r", shape=(steps, *self._shape))


def _frames(rows: int, env: Environment, folder: Path) -> _InMemory | _InFiles:
    fits = rows * env.cap * int(np.prod(env.shape)) <= _IN_MEMORY
    return _InMemory() if fits else _InFiles(rows, env.shape, folder)


def _block(
    worlds: object,
    policy: Policy,
    seeds: list[int],
    cap: int,
    wanted: int,
    frames: _InMemory | _InFiles,
    stop: Callable[[], None],
) -> Iterator[Episode]:
    done: list[NDArray[Any]] = []
    earned: list[NDArray[np.float32]] = []

    def see(times: object, seen: NDArray[np.uint8], actions: object, rewards: object, live: NDArray[np.bool_]) -> None:
        frames.add(seen, live)
        done.append(np.array(actions))
        earned.append(np.array(rewards, dtype=np.float32))

    _, steps, ended = play(worlds, policy, seeds, cap, see, stop)  # type: ignore[arg-type]
    for row in range(wanted):
        last = int(steps[row])
        yield Episode(
            frames=frames.of(row, last),
            actions=np.stack([actions[row] for actions in done[:last]]),
            rewards=np.stack([rewards[row] for rewards in earned[:last]]),
            ended=bool(ended[row]),
            seed=seeds[row],
        )


def copy(episodes: Episodes, store: Store, stop: Callable[[], None]) -> None:
    """Add to an empty store, or to one that has a part of them, what was played elsewhere."""
    while (first := len(store.episodes)) < len(episodes.seeds):
        stop()
        store.add(_episode(episodes, number) for number in range(first, min(first + _COPIED, len(episodes.seeds))))


def _episode(episodes: Episodes, number: int) -> Episode:
    frames = episodes.frames_of(number)
    return Episode(
        frames=episodes.pixels(frames),
        actions=np.asarray(episodes.actions[frames]),
        rewards=np.asarray(episodes.rewards[frames]),
        ended=bool(episodes.ended[number]),
        seed=int(episodes.seeds[number]),
    )
