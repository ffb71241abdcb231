"""What the numbers of a vision move, measured: how much of the picture, where, and what in the episodes goes along."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from gdl_core.data.episodes import Episodes
from gdl_core.latent.tiles import decode_rows, encode_rows, to_pixels
from gdl_core.noise import Noise
from gdl_core.values import Cell, Table, TrainedModel

_HEADER = (
    "number", "moves", "across", "down", "spread", "of all movement", "with time", "with reward", "with action",
)  # fmt: skip
_ENCODED = 4096  # frames that the correlations are taken over


@dataclass(frozen=True)
class Moved:
    """What was found of each number.

    `moves` is the root mean square of the pixels' change, of full brightness, from one end to the other; `places` the
    middle of the change, across and down, from 0 to 1, and how far it reaches around it; `goes_with` the correlations
    of the number with time, reward and action; `order` the numbers from the one that moves most on.
    """

    middle: NDArray[np.float32]
    spread: NDArray[np.float32]
    moves: NDArray[np.float64]
    places: NDArray[np.float64]
    goes_with: NDArray[np.float64]

    @property
    def order(self) -> NDArray[np.int64]:
        return np.argsort(-self.moves, kind="stable").astype(np.int64)

    def sheet(self, trained: TrainedModel, numbers: Sequence[int], columns: int, reach: float) -> NDArray[np.uint8]:
        """Return a row of frames for each of these numbers, around the first frame."""
        z = np.repeat(self.middle[None], len(numbers) * columns, axis=0)
        steps = np.linspace(-reach, reach, columns, dtype=np.float32)
        for row, number in enumerate(numbers):
            z[row * columns : (row + 1) * columns, number] += steps * self.spread[number]
        return to_pixels(decode_rows(trained, torch.from_numpy(z)))

    def table(self) -> Table:
        """Return a row for each number, that which moves most first."""
        total = max(float(np.square(self.moves).sum()), 1e-12)
        rows: list[tuple[Cell, ...]] = []
        for number in self.order.tolist():
            numbers = [*self.places[number], self.moves[number] ** 2 / total, *self.goes_with[number]]
            rows.append((number, *(float(value) for value in (self.moves[number], *numbers))))
        return Table(_HEADER, tuple(rows), "what the numbers move")


def moved(
    trained: TrainedModel, episodes: Episodes, noise: Noise, frames: int, reach: float, stop: Callable[[], None]
) -> Moved:
    """Move each number of held-out frames both ways and see what changes."""
    rows = episodes.held_out if len(episodes.held_out) else np.arange(len(episodes))
    order = noise.stream("frames").permutation(len(rows)).numpy()
    chosen = np.sort(rows[order[:_ENCODED]])
    mean = encode_rows(trained, episodes, chosen).mean
    z, spread = mean[torch.from_numpy(order[:frames] % len(chosen))], mean.std(0)
    moves, places = [], []
    for number in range(mean.shape[1]):
        stop()
        away = torch.zeros(mean.shape[1])
        away[number] = reach * spread[number]
        change = (decode_rows(trained, z + away) - decode_rows(trained, z - away)).double().square().mean((0, 1))
        moves.append(float(change.mean()) ** 0.5)
        places.append(_place(change.numpy()))
    return Moved(
        middle=z[0].numpy(),
        spread=spread.numpy(),
        moves=np.array(moves),
        places=np.array(places),
        goes_with=_correlations(mean.numpy(), episodes, chosen),
    )


def _place(change: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the middle of a change, across and down, and how far it reaches around it, in shares of the picture."""
    weight = change / max(change.sum(), 1e-12)
    down, across = (np.arange(side) + 0.5 for side in change.shape)
    x, y = float((weight.sum(0) * across).sum()), float((weight.sum(1) * down).sum())
    around = weight * ((across[None] - x) ** 2 + (down[:, None] - y) ** 2)
    height, width = change.shape
    return x / width, y / height, float(around.sum()) ** 0.5 / max(height, width)


def _correlations(mean: NDArray[np.float32], episodes: Episodes, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the correlation of each number with time, reward and action; of several choices the strongest."""
    actions = np.asarray(episodes.actions[rows])
    choices = np.unique(actions)[:, None] == actions if actions.ndim == 1 else actions.T
    time, reward = episodes.columns["time"].values[rows], episodes.columns["reward"].values[rows]

    def with_(values: NDArray[np.generic]) -> NDArray[np.float64]:
        given = np.asarray(values, dtype=np.float64)
        if given.std() == 0:
            return np.zeros(mean.shape[1])
        away = (given - given.mean()) / given.std()
        found: NDArray[np.float64] = (mean - mean.mean(0)).T @ away / (len(away) * np.maximum(mean.std(0), 1e-12))
        return found

    done = np.stack([with_(choice) for choice in choices])
    strongest = np.take_along_axis(done, np.abs(done).argmax(0)[None], axis=0)[0]
    return np.stack([with_(time), with_(reward), strongest], axis=1)


def row_of(row: tuple[Cell, ...]) -> str:
    """Return a row of the table in words."""
    number, moves, across, down = row[:4]
    return (
        f"tweak: number {number} moves {float(str(moves)):.3f} of full brightness, around {float(str(across)):.0%} "
        f"across and {float(str(down)):.0%} down"
    )
