"""Where a model of points in the plane makes samples, on a grid, and how that compares with where they belong.

A sample shows where a model makes something, never where it makes nothing. So the region that it makes is estimated:
many samples are counted on a grid, the counts blurred by a Gaussian of a hundredth of the frame's side, and the cells
of highest density taken that hold 99.9 % of the samples (a highest density region, Hyndman 1996, of a kernel estimate).
A model that makes the data exactly would then miss a little of them, which the training samples themselves show; and a
straight edge is found about two thirds of the blur too far out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdl_core.contracts import Model
from gdl_core.data.truth import Truth

CELLS = 400
HELD = 0.999
BLUR = 0.01

Points = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

_MARGIN = 1.35
_ASKED = 400


@dataclass(frozen=True)
class Frame:
    """A square of the plane in CELLS × CELLS cells; `low` is its lower left corner."""

    low: tuple[float, float]
    side: float

    @classmethod
    def around(cls, points: Points) -> Frame:
        """Return the square that has all points inside, with room around them."""
        least, most = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
        side = float((most - least).max()) * _MARGIN or 1.0
        x, y = ((least + most) / 2 - side / 2).tolist()
        return cls((x, y), side)

    @cached_property
    def centres(self) -> NDArray[np.float64]:
        """Middles of the cells, (CELLS², 2), row by row from below."""
        steps = self.side * (np.arange(CELLS) + 0.5) / CELLS
        return np.stack(np.meshgrid(self.low[0] + steps, self.low[1] + steps), axis=-1).reshape(-1, 2)

    def grid(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return a value for each of `centres` as rows of cells, (CELLS, CELLS), the first axis upwards."""
        return values.reshape(CELLS, CELLS)

    def counts(self, points: Points) -> NDArray[np.float64]:
        """Return how many points lie in each cell, (CELLS, CELLS); those outside the frame are left out."""
        edges = [low + self.side * np.arange(CELLS + 1) / CELLS for low in self.low]
        return np.asarray(np.histogram2d(points[:, 1], points[:, 0], bins=(edges[1], edges[0]))[0])

    def at(self, mask: Mask, points: Points) -> Mask:
        """Return whether each point lies in a cell of the mask, (n,); False outside the frame."""
        cell = np.floor((points - np.array(self.low)) / self.side * CELLS).astype(np.int64)
        known = ((cell >= 0) & (cell < CELLS)).all(axis=1)
        cell = cell.clip(0, CELLS - 1)
        return np.asarray(mask[cell[:, 1], cell[:, 0]] & known)

    def middle(self, points: Points) -> Mask:
        """Return whether each point lies well inside the frame, (n,)."""
        share = (points - np.array(self.low)) / self.side
        return np.asarray(((share > 0.1) & (share < 0.9)).all(axis=1))


def made_region(points: Points, frame: Frame) -> Mask:
    """Return the cells that a model makes, (CELLS, CELLS), by samples of it (n, 2)."""
    counts = frame.counts(points)
    density = _blurred(counts)
    order = np.argsort(-density, axis=None, kind="stable")
    reached = np.searchsorted(np.cumsum(counts.ravel()[order]), HELD * counts.sum())
    least = max(float(density.ravel()[order[min(reached, len(order) - 1)]]), np.finfo(np.float64).tiny)
    return np.asarray(density >= least)


def _blurred(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    deviation = BLUR * CELLS
    reach = int(4 * deviation)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    weights /= weights.sum()
    for axis in (0, 1):
        counts = np.apply_along_axis(np.convolve, axis, counts, weights, mode="same")
    return counts


def share_missed(density: NDArray[np.float64], made: Mask) -> float:
    """Return the share of a distribution, by its density in each cell, that lies outside the cells of a mask."""
    return float(density[~made].sum() / density.sum())


def exact_shares(model: Model, truth: Truth) -> tuple[float, float] | None:
    """Return in closed form the share that a model wrongly makes and the share that it never makes, where it is a box.

    Wrongly made: 1 − (area of the set in the box) / (area of the box). Never made: 1 − (mass in the box).
    """
    corners = model.uniform_box()
    if corners is None:
        return None
    (x0, y0), (x1, y1) = (corner.double().cpu().tolist() for corner in corners)
    area = (x1 - x0) * (y1 - y0)
    if area <= 0:
        return None
    return 1.0 - truth.area((x0, y0), (x1, y1)) / area, 1.0 - truth.mass((x0, y0), (x1, y1))


def first_clear(points: Points, mask: Mask, frame: Frame, clearance: float = 0.03) -> tuple[float, float] | None:
    """Return the first point that lies well inside the frame and clear of all cells of a mask; else the clearest.

    Args:
        points: candidates (n, 2), in the order in which they came; the first 400 inside are looked at.
        mask: cells to be clear of.
        frame: of the mask.
        clearance: distance that will do, as a share of the frame's side.
    """
    points = points[frame.middle(points)][:_ASKED]
    cells = frame.centres[mask.ravel()][::2]
    if not len(points):
        return None
    if not len(cells):
        return (float(points[0, 0]), float(points[0, 1]))
    apart = np.array([np.sqrt(((cells - point) ** 2).sum(axis=1).min()) for point in points])
    clear = apart >= clearance * frame.side
    x, y = points[int(np.argmax(clear)) if clear.any() else int(np.argmax(apart))].tolist()
    return (x, y)
