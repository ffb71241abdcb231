"""Collect episodes into a store, block by block: a block is as many episodes as are played at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from gdl_core.data.episodes import Episodes
from gdl_core.noise import Noise
from gdl_world.environment import Environment
from gdl_world.play import Policy, episode_seeds, play
from gdl_world.store import Episode, Store

_COPIED = 64  # episodes at a time


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
            block = _block(worlds, policy, seeds, env.cap, wanted, stop)
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


def _block(
    worlds: object, policy: Policy, seeds: list[int], cap: int, wanted: int, stop: Callable[[], None]
) -> Iterator[Episode]:
    seen: list[tuple[NDArray[np.uint8], NDArray[np.generic], NDArray[np.float32]]] = []

    def see(times: object, frames: object, actions: object, rewards: object, live: object) -> None:
        seen.append((np.array(frames), np.array(actions), np.array(rewards, dtype=np.float32)))

    _, steps, ended = play(worlds, policy, seeds, cap, see, stop)  # type: ignore[arg-type]
    for row in range(wanted):
        part = seen[: steps[row]]
        yield Episode(
            frames=np.stack([frames[row] for frames, _, _ in part]),
            actions=np.stack([actions[row] for _, actions, _ in part]),
            rewards=np.stack([rewards[row] for _, _, rewards in part]),
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
