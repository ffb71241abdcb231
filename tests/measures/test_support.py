"""The region that a model makes, from its samples, where the region is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from latent.models import TinyConfig

from gdl_core.contracts import Model
from gdl_core.measures.support import CELLS, Frame, exact_shares, first_clear, made_region, share_missed


class Square:
    """The uniform distribution over a square from 0 to 1, whose every number is plain."""

    rule = "between 0 and 1"

    def inside(self, points: Any) -> Any:
        return ((points >= 0) & (points <= 1)).all(axis=1)

    def log_density(self, points: Any) -> Any:
        return np.where(self.inside(points), 0.0, -np.inf)

    def mass(self, low: tuple[float, float], high: tuple[float, float]) -> float:
        sides = [min(high[axis], 1.0) - max(low[axis], 0.0) for axis in (0, 1)]
        return max(sides[0], 0.0) * max(sides[1], 0.0)

    area = mass


class Filled(Model):
    """A model that fills a box evenly."""

    def __init__(self, low: tuple[float, float], high: tuple[float, float]) -> None:
        super().__init__(TinyConfig(), (2,))
        self.corners = torch.tensor([low, high])

    def uniform_box(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.corners[0], self.corners[1]


FRAME = Frame((-0.5, -0.5), 2.0)
DENSITY = FRAME.grid(np.exp(Square().log_density(FRAME.centres)))


def even(low: tuple[float, float], high: tuple[float, float], n: int = 20_000) -> np.ndarray:
    points: np.ndarray = np.random.default_rng(0).uniform(low, high, (n, 2))
    return points


@pytest.mark.parametrize("low", [0.0, 0.2, 0.6])
def test_what_is_missed_of_a_square_is_known(low: float) -> None:
    made = made_region(even((low, 0.0), (1.0, 1.0)), FRAME)
    assert made.shape == (CELLS, CELLS)
    assert made.mean() * FRAME.side**2 == pytest.approx(1 - low, abs=0.03)
    assert share_missed(DENSITY, made) == pytest.approx(low, abs=0.02)


def test_samples_far_outside_the_frame_change_nothing() -> None:
    points = even((0.0, 0.0), (1.0, 1.0))
    far = np.concatenate([points, points[:2000] + 50])
    assert (made_region(far, FRAME) == made_region(points, FRAME)).all()
    assert not made_region(points + 50, FRAME).any()
    assert share_missed(DENSITY, made_region(points + 50, FRAME)) == 1.0


def test_a_few_strays_are_not_what_a_model_makes() -> None:
    points = even((0.0, 0.0), (1.0, 1.0), 40_000)
    points[:3] = (1.3, 1.3), (1.4, -0.3), (-0.3, 1.4)
    assert not FRAME.at(made_region(points, FRAME), points[:3]).any()
    assert FRAME.at(made_region(points, FRAME), points[3:]).mean() > 0.998


@given(st.floats(-1, 3), st.floats(-1, 3))
@settings(max_examples=30, deadline=None)
def test_a_cell_is_where_its_middle_lies(x: float, y: float) -> None:
    mask = FRAME.grid((FRAME.centres[:, 0] > 0.25) & (FRAME.centres[:, 1] < 0.75))
    point = np.array([[x, y]])
    known = bool(((point >= -0.5) & (point < 1.5)).all())
    if min(abs(x - 0.25), abs(y - 0.75), abs(x - 1.5), abs(y - 1.5), abs(x + 0.5), abs(y + 0.5)) > 0.01:
        assert bool(FRAME.at(mask, point)[0]) == (known and x > 0.25 and y < 0.75)


def test_the_closed_form_of_a_box() -> None:
    assert exact_shares(Filled((0, 0), (1, 1)), Square()) == pytest.approx((0.0, 0.0))
    assert exact_shares(Filled((0.5, 0), (1.5, 1)), Square()) == pytest.approx((0.5, 0.5))
    assert exact_shares(Filled((-1, -1), (1, 1)), Square()) == pytest.approx((0.75, 0.0))
    assert exact_shares(Filled((0, 0.25), (0, 0.75)), Square()) is None  # a line has no area
    assert exact_shares(Model(TinyConfig(), (2,)), Square()) is None


def test_the_first_point_that_is_clear_is_taken() -> None:
    mask = FRAME.grid(Square().inside(FRAME.centres))
    points = np.array([[1.4, 1.4], [1.02, 0.5], [1.2, 0.5], [1.25, 0.5]])  # by the frame's edge; near; clear; clearer
    assert first_clear(points, mask, FRAME) == (1.2, 0.5)
    assert first_clear(points[:2], mask, FRAME) == (1.02, 0.5)
    assert first_clear(points[:1], mask, FRAME) is None
    assert first_clear(points, np.zeros_like(mask), FRAME) == (1.02, 0.5)


def test_the_frame_has_room_around_the_points() -> None:
    frame = Frame.around(np.array([[0.0, 0.0], [4.0, 1.0]], dtype=np.float32))
    assert frame.side > 4
    assert frame.low[0] + frame.side / 2 == pytest.approx(2.0)
    assert frame.low[1] + frame.side / 2 == pytest.approx(0.5)
    assert Frame.around(np.ones((3, 2))).side > 0
