"""Points in the plane, drawn from a density that is known exactly."""

from __future__ import annotations

import numpy as np

from gdl_core.data.building import BuildContext, finish
from gdl_core.data.dataset import Dataset
from gdl_core.noise import Noise
from gdl_core.values import Column
from gdl_data.config import PointsConfig
from gdl_data.density import Floats, Land, Mixture, get_density

_TRIES = 1000


def build(config: PointsConfig, context: BuildContext) -> Dataset:
    """Return points, float32 (n, 2), within about −1 … 1; column `part`: the island, Gaussian or moon it came from.

    Point i is the same for any n.
    """
    density = get_density(config.shape)
    noise = context.noise.stream("points", config.shape)
    points, part = (
        _from_land(density, config.n, noise) if isinstance(density, Land) else _from_mixture(density, config.n, noise)
    )
    columns = {"part": Column(part, density.parts)}
    return finish("points", points.astype(np.float32), columns, context, held_out=config.held_out, truth=density)


def _from_land(land: Land, n: int, noise: Noise) -> tuple[Floats, np.ndarray]:
    """Rejection: throw points on the bounding box until each has hit land. Row i of every round is sample i's."""
    corners = np.concatenate(land.polygons)
    low, high = corners.min(axis=0), corners.max(axis=0)
    points, part = np.zeros((n, 2)), np.full(n, -1, dtype=np.int64)
    for attempt in range(_TRIES):
        missing = np.flatnonzero(part < 0)
        if not len(missing):
            break
        thrown = low + (high - low) * noise.stream(attempt).uniform(int(missing[-1]) + 1, (2,)).numpy()[missing]
        points[missing], part[missing] = thrown, land.part(thrown.astype(np.float32))
    return points, part


def _from_mixture(mixture: Mixture, n: int, noise: Noise) -> tuple[Floats, np.ndarray]:
    which = (noise.stream("which").uniform(n, (1,)).numpy()[:, 0] * len(mixture.centres)).astype(np.int64)
    points = mixture.centres[which] + mixture.deviation * noise.stream("where").normal(n, (2,)).numpy()
    return points, mixture.owners[which]
