"""Points where no data are."""

from __future__ import annotations

import numpy as np
import pytest

from gdl_core.latent.strays import at_distances, in_box, nearest_distance
from gdl_core.noise import Noise

CODES = (np.random.default_rng(0).normal(size=(2000, 3)) * [1, 4, 0.5] + [5, 0, -2]).astype(np.float32)


def test_distances_are_in_units_of_the_codes_spread() -> None:
    points = at_distances(CODES, [0, 1, 3], 50, Noise(1))
    assert points.shape == (3, 50, 3)
    scaled = (points - CODES.mean(0)) / CODES.std(0) / 3**0.5
    assert np.linalg.norm(scaled, axis=2) == pytest.approx(np.repeat([[0], [1], [3]], 50, axis=1), abs=1e-3)
    assert scaled[2] == pytest.approx(3 * scaled[1], abs=1e-3)
    codes = (CODES - CODES.mean(0)) / CODES.std(0) / 3**0.5
    assert (codes**2).sum(1).mean() ** 0.5 == pytest.approx(1.0, abs=1e-3)
    assert (at_distances(CODES, [3], 5, Noise(1))[0] == points[2, :5]).all()


def test_the_box_is_filled_evenly() -> None:
    points = in_box(CODES, 4000, Noise(2))
    low, high = CODES.min(0), CODES.max(0)
    assert (points >= low).all()
    assert (points <= high).all()
    shares = (points - low) / (high - low)
    assert shares.mean(0) == pytest.approx(np.full(3, 0.5), abs=0.03)
    assert shares.std(0) == pytest.approx(np.full(3, 12**-0.5), abs=0.02)
    assert (in_box(CODES, 3, Noise(2).at(5)) == points[5:8]).all()


def test_the_nearest_code_is_found() -> None:
    points = in_box(CODES, 30, Noise(3))
    unit = CODES.std(0) * 3**0.5
    plain = np.array([np.linalg.norm((CODES - point) / unit, axis=1).min() for point in points])
    assert nearest_distance(points, CODES, chunk=7) == pytest.approx(plain, abs=1e-4)
    assert nearest_distance(CODES[:4], CODES) == pytest.approx(np.zeros(4), abs=2e-3)
    assert nearest_distance(points[:0], CODES).shape == (0,)
