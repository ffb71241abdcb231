"""Planes through a latent space, the map from z to p, and the places that a sheet shows.

A prior of standard normal numbers becomes uniform under the normal CDF: p = Φ(z). So equal steps of p, taken back by
its inverse, visit the latent space as often as the prior does.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from gdl_core.errors import InputError
from gdl_core.latent.reduce import fit_pca

Floats = NDArray[np.float32]


def z_to_p(z: ArrayLike) -> Floats:
    """Return Φ(z), the share of a standard normal below each number, float32 in [0, 1].

    >>> print(z_to_p([-1.0, 0.0, 1.0]).round(4))
    [0.1587 0.5    0.8413]
    """
    return cast("Floats", torch.special.ndtr(torch.as_tensor(np.asarray(z, np.float64))).float().numpy())


def p_to_z(p: ArrayLike) -> Floats:
    """Return Φ⁻¹(p), float32. All is finite: 0 and 1 are taken as 2⁻²⁴ and 1 − 2⁻²⁴."""
    tiny = 2.0**-24
    shares = torch.as_tensor(np.asarray(p, np.float64)).clamp(tiny, 1 - tiny)
    return cast("Floats", torch.special.ndtri(shares).float().numpy())


@dataclass(frozen=True)
class Plane:
    """A plane in a latent space: place (x, y) is `origin + x · axes[0] + y · axes[1]`.

    Attributes:
        origin: (*latent shape) float32.
        axes: (2, *latent shape) float32; one unit of the plane along each.
        names: of the two axes, for charts.
    """

    origin: Floats
    axes: Floats
    names: tuple[str, str] = ("z1", "z2")

    @classmethod
    def of_dimensions(cls, latent_shape: tuple[int, ...], first: int = 0, second: int = 1) -> Plane:
        """Return the plane of two dimensions, counted from 0, all others zero. A latent space of one has a line only.

        Raises:
            InputError: there is no such dimension, or the two are one.
        """
        size = prod(latent_shape)
        if size == 1:
            return cls(
                np.zeros(latent_shape, np.float32),
                np.stack([np.ones(latent_shape), np.zeros(latent_shape)]).astype(np.float32),
            )
        if first == second or not (0 <= first < size and 0 <= second < size):
            raise InputError(f"a plane takes two different dimensions from 0 to {size - 1}, got {first} and {second}")
        axes = np.zeros((2, size), np.float32)
        axes[0, first] = axes[1, second] = 1.0
        return cls(
            np.zeros(latent_shape, np.float32), axes.reshape(2, *latent_shape), (f"z{first + 1}", f"z{second + 1}")
        )

    @classmethod
    def of_codes(cls, codes: ArrayLike) -> Plane:
        """Return the plane in which codes (n, *latent shape) vary most; its unit is their standard deviation (PCA).

        Codes of a two-dimensional latent space give its own plane, unturned.
        """
        points = np.asarray(codes, np.float32)
        shape = points.shape[1:]
        if prod(shape) <= 2:
            return cls.of_dimensions(shape)
        pca = fit_pca(torch.from_numpy(points.reshape(len(points), -1)), 2)
        axes = (pca.components * pca.deviations[:, None]).float().numpy()
        return cls(
            pca.mean.float().numpy().reshape(shape), axes.reshape(2, *shape), ("main direction", "second direction")
        )

    def at(self, places: ArrayLike) -> Floats:
        """Return the latent points of places (n, 2), float32 (n, *latent shape)."""
        xy = np.asarray(places, np.float64)
        z = self.origin.ravel() + xy @ self.axes.reshape(2, -1).astype(np.float64)
        return z.reshape(len(xy), *self.origin.shape).astype(np.float32)

    def places(self, z: ArrayLike) -> Floats:
        """Return where latent points (n, *latent shape) fall when they are dropped on the plane, float32 (n, 2)."""
        points = np.asarray(z, np.float64)
        axes = self.axes.reshape(2, -1).astype(np.float64)
        offsets = points.reshape(len(points), -1) - self.origin.ravel()
        return cast("Floats", (offsets @ axes.T / np.maximum((axes**2).sum(axis=1), 1e-30)).astype(np.float32))


def sheet_places(n: int) -> Floats:
    """Return the n × n places of a sheet, float32 (n · n, 2), in the order of reading: from the top left, row by row.

    The places are Φ⁻¹ of the middles of n equal shares, so each picture of the sheet stands for an equal part of the
    prior. x grows to the right and y grows upwards, as on the map.

    Raises:
        InputError: n is below 1.
    """
    if n < 1:
        raise InputError(f"a sheet has at least one picture a side, got {n}")
    steps = p_to_z((np.arange(n) + 0.5) / n)
    x, y = np.meshgrid(steps, steps[::-1])
    return np.stack([x.ravel(), y.ravel()], axis=1)


def sheet_points(n: int, plane: Plane) -> Floats:
    """Return the latent points of an n × n sheet, float32 (n · n, *latent shape), see `sheet_places`."""
    return plane.at(sheet_places(n))
