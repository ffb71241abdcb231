"""Points of a latent space where no data are: far outside, and in the holes. What is decoded there shows what a model
knows about its own space.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from gdl_core.noise import Noise

Floats = NDArray[np.float32]


def at_distances(codes: ArrayLike, distances: Sequence[float], n: int, noise: Noise) -> Floats:
    """Return n points at each distance from the centre of the codes, float32 (distances, n, *latent shape).

    Distance 1 is the root-mean-square distance of the codes themselves, counted in standard deviations of each
    dimension. The directions are random and the same at every distance, so that a column of pictures moves straight
    away.

    Args:
        codes: posterior means, (m, *latent shape).
        distances: in units of the codes' own spread.
        n: points at each distance.
        noise: row i gives direction i.
    """
    points = np.asarray(codes, np.float64)
    shape = points.shape[1:]
    flat = points.reshape(len(points), -1)
    size = prod(shape)
    directions = noise.normal(n, (size,)).double().numpy()
    directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-30)
    offsets = directions * flat.std(axis=0) * np.sqrt(size)
    away = flat.mean(axis=0) + np.asarray(distances, np.float64)[:, None, None] * offsets
    return cast("Floats", away.reshape(len(distances), n, *shape).astype(np.float32))


def in_box(codes: ArrayLike, n: int, noise: Noise) -> Floats:
    """Return n points drawn evenly from the bounding box of the codes, float32 (n, *latent shape).

    This is how one would sample from a model that has no prior. Row i of the noise gives point i.
    """
    points = np.asarray(codes, np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    shares = noise.uniform(n, points.shape[1:]).double().numpy()
    return cast("Floats", (low + shares * (high - low)).astype(np.float32))


def nearest_distance(points: ArrayLike, codes: ArrayLike, chunk: int = 1024) -> Floats:
    """Return how far each point (n, *latent shape) is from the nearest code, float32 (n,), in `at_distances`' units."""
    known = np.asarray(codes, np.float64)
    flat = known.reshape(len(known), -1)
    unit = np.maximum(flat.std(axis=0), 1e-30) * np.sqrt(flat.shape[1])
    places = torch.from_numpy((flat / unit).astype(np.float32))
    wanted = np.asarray(points, np.float64)
    asked = torch.from_numpy((wanted.reshape(len(wanted), flat.shape[1]) / unit).astype(np.float32))
    nearest = [
        torch.cdist(asked[i : i + chunk], places, compute_mode="donot_use_mm_for_euclid_dist").amin(dim=1)
        for i in range(0, len(asked), chunk)
    ]
    return cast("Floats", torch.cat([*nearest, torch.zeros(0)]).numpy())
