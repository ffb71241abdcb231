"""Two-dimensional densities that are known exactly: what `points` draws from and what a model of them is held against.

Every density can be asked for its logarithm at a point (nats), for the mass inside a box, and for which points belong
to it at all. No torch is imported here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import erf, log, pi, sqrt
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from gdl_core.data.truth import Truth

Floats = NDArray[np.float64]
Shape = Literal["land", "ring", "grid", "moons"]

HELD = 0.99
"""Share of a Gaussian that counts as belonging to the set."""

_CHUNK = 1 << 20
_FINE = 512


class Density(Truth, Protocol):
    """A distribution over the plane. `parts` names what it is made of."""

    @property
    def parts(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Land:
    """The uniform distribution over disjoint polygons, each (corners, 2), anticlockwise."""

    polygons: tuple[Floats, ...]
    parts: tuple[str, ...]

    @property
    def rule(self) -> str:
        """Which points belong to the set."""
        return "on land"

    @property
    def whole_area(self) -> float:
        """Area of all the land."""
        return sum(_area(polygon) for polygon in self.polygons)

    def inside(self, points: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return which points lie on land: (n,)."""
        return self.part(points) >= 0

    def part(self, points: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the number of the polygon that each point lies in, −1 for the sea: (n,)."""
        found = np.full(len(points), -1, dtype=np.int64)
        for number, polygon in enumerate(self.polygons):
            found[_inside(polygon, np.asarray(points, dtype=np.float64))] = number
        return found

    def log_density(self, points: NDArray[np.floating]) -> Floats:
        """Return −log(area) on land and minus infinity at sea."""
        return np.where(self.part(points) >= 0, -log(self.whole_area), -np.inf)

    def mass(self, low: tuple[float, float], high: tuple[float, float]) -> float:
        """Return the share of the land that lies in the box, exactly: polygons cut by Sutherland and Hodgman (1974)."""
        return self.area(low, high) / self.whole_area

    def area(self, low: tuple[float, float], high: tuple[float, float]) -> float:
        """Return the area of the land in the box, exactly."""
        return sum(_area(_clip(polygon, low, high)) for polygon in self.polygons)


@dataclass(frozen=True)
class Mixture:
    """Round Gaussians of one standard deviation at centres (k, 2), all equally likely; `owners` is the part of each.

    What belongs to the set are the discs around the centres that hold 99 % of each Gaussian. Of Gaussians that stand
    apart these are the points of highest density which hold 99 % of all.
    """

    centres: Floats
    deviation: float
    parts: tuple[str, ...]
    owners: NDArray[np.int64]

    @property
    def reach(self) -> float:
        """Radius of the disc that holds 99 % of a Gaussian: √(−2 ln 0.01) = 3.03 deviations."""
        return self.deviation * sqrt(-2.0 * log(1.0 - HELD))

    @property
    def rule(self) -> str:
        """Which points belong to the set."""
        return f"within {self.reach:.3f} of a centre ({100 * HELD:g} % of each)"

    def inside(self, points: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return which points lie in one of the discs: (n,)."""
        found = np.empty(len(points), dtype=np.bool_)
        for rows, squares in self._squares(points):
            found[rows] = squares.min(axis=1) <= self.reach**2
        return found

    def log_density(self, points: NDArray[np.floating]) -> Floats:
        """Return log p by log-sum-exp over the Gaussians."""
        result = np.empty(len(points))
        for rows, squares in self._squares(points):
            exponent = -0.5 * squares / self.deviation**2
            top = exponent.max(axis=1)
            result[rows] = top + np.log(np.exp(exponent - top[:, None]).mean(axis=1))
        return result - log(2.0 * pi * self.deviation**2)

    def _squares(self, points: NDArray[np.floating]) -> Iterator[tuple[slice, Floats]]:
        """Yield rows of points with the squares of their distances to all centres, (rows, k)."""
        points = np.asarray(points, dtype=np.float64)
        step = max(1, _CHUNK // len(self.centres))
        for start in range(0, len(points), step):
            rows = slice(start, start + step)
            yield rows, ((points[rows, None] - self.centres) ** 2).sum(axis=-1)

    def mass(self, low: tuple[float, float], high: tuple[float, float]) -> float:
        """Return the mass in the box: products of differences of the normal CDF."""

        def between(axis: int, centre: Floats) -> float:
            scale = self.deviation * sqrt(2.0)
            return 0.5 * (erf((high[axis] - centre[axis]) / scale) - erf((low[axis] - centre[axis]) / scale))

        return sum(between(0, centre) * between(1, centre) for centre in self.centres) / len(self.centres)

    def area(self, low: tuple[float, float], high: tuple[float, float]) -> float:
        """Return the area of the discs in the box, counted on a grid of 512 × 512 points: to about a thousandth."""
        x, y = (low[axis] + (high[axis] - low[axis]) * (np.arange(_FINE) + 0.5) / _FINE for axis in (0, 1))
        grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        return float(self.inside(grid).mean()) * (high[0] - low[0]) * (high[1] - low[1])


def get_density(shape: Shape) -> Land | Mixture:
    """Return the density of this name."""
    if shape == "land":
        return Land(tuple(_island(*island) for island in _ISLANDS), ("north", "south", "islet"))
    if shape == "ring":
        turn = np.arange(8) * (2.0 * pi / 8)
        return _modes(np.stack([np.cos(turn), np.sin(turn)], axis=1), 0.06)
    if shape == "grid":
        line = np.linspace(-1.0, 1.0, 5)
        return _modes(np.stack(np.meshgrid(line, line, indexing="xy"), axis=-1).reshape(-1, 2), 0.05)
    half = np.linspace(0.0, pi, 65)
    upper = np.stack([np.cos(half), np.sin(half)], axis=1)
    lower = np.stack([1.0 - np.cos(half), 0.5 - np.sin(half)], axis=1)
    centres = (np.concatenate([upper, lower]) - (0.5, 0.25)) / 1.5
    return Mixture(centres, 0.06, ("upper", "lower"), np.repeat(np.arange(2), len(half)))


# Centre, mean radius, and for each wave around the coast: how many, how strong, where it begins. Chosen by eye.
_ISLANDS: tuple[tuple[tuple[float, float], float, tuple[tuple[int, float, float], ...]], ...] = (
    ((-0.46, 0.48), 0.40, ((2, 0.20, 0.9), (3, 0.14, 2.2), (5, 0.08, 0.4), (9, 0.035, 1.0))),
    ((0.36, -0.34), 0.47, ((2, 0.24, 2.6), (3, 0.12, 0.3), (4, 0.09, 1.9), (8, 0.04, 2.0))),
    ((-0.60, -0.76), 0.15, ((2, 0.18, 0.2), (3, 0.10, 1.0), (5, 0.05, 2.0))),
)


def _island(centre: tuple[float, float], radius: float, waves: tuple[tuple[int, float, float], ...]) -> Floats:
    turn = np.arange(120) * (2.0 * pi / 120)
    reach = radius * (1.0 + sum(strength * np.cos(count * turn + begin) for count, strength, begin in waves))
    return np.stack([centre[0] + reach * np.cos(turn), centre[1] + reach * np.sin(turn)], axis=1)


def _modes(centres: Floats, deviation: float) -> Mixture:
    return Mixture(centres, deviation, tuple(str(i + 1) for i in range(len(centres))), np.arange(len(centres)))


def _area(polygon: Floats) -> float:
    if len(polygon) < 3:
        return 0.0
    x, y = polygon.T
    return float(0.5 * (x * np.roll(y, -1) - y * np.roll(x, -1)).sum())


def _inside(polygon: Floats, points: Floats) -> NDArray[np.bool_]:
    """Even–odd rule: a point is inside if a ray from it to the right crosses the outline an odd number of times."""
    x, y = points[:, 0], points[:, 1]
    odd = np.zeros(len(points), dtype=bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y0 != y1:
            odd ^= ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return odd


def _clip(polygon: Floats, low: tuple[float, float], high: tuple[float, float]) -> Floats:
    for axis, bound, sign in ((0, low[0], 1.0), (0, high[0], -1.0), (1, low[1], 1.0), (1, high[1], -1.0)):
        kept: list[Floats] = []
        for here, there in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
            a, b = sign * (here[axis] - bound), sign * (there[axis] - bound)
            if a >= 0.0:
                kept.append(here)
            if (a >= 0.0) != (b >= 0.0):
                kept.append(here + (there - here) * (a / (a - b)))
        polygon = np.array(kept).reshape(-1, 2)
    return polygon
