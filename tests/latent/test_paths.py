"""Walks hold what they promise: their ends, their number of frames, even steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gdl_core.errors import InputError
from gdl_core.latent.paths import Mode, circle, evenness, line, lissajous, through, track
from gdl_core.latent.planes import Plane

PLANE = Plane.of_dimensions((2,))
coordinates = st.floats(-4, 4, width=32, allow_subnormal=False)


@given(
    keyframes=st.integers(1, 5).flatmap(lambda k: arrays(np.float32, (k, 3), elements=coordinates)),
    frames=st.integers(2, 40),
    mode=st.sampled_from(["lerp", "slerp", "catmull-rom"]),
    loop=st.booleans(),
)
def test_a_path_has_its_ends_and_its_length(keyframes: np.ndarray, frames: int, mode: Mode, loop: bool) -> None:
    path = through(keyframes, frames, mode, loop)
    assert path.shape == (frames, 3)
    assert path.dtype == np.float32
    assert np.isfinite(path).all()
    assert (path[0] == keyframes[0]).all()
    if not loop:
        assert (path[-1] == keyframes[-1]).all()


@pytest.mark.parametrize("mode", ["slerp", "catmull-rom"])
def test_frames_that_fall_on_keyframes_are_those_keyframes(mode: Mode) -> None:
    keyframes = np.random.default_rng(0).normal(size=(4, 7)).astype(np.float32)
    assert (through(keyframes, 13, mode)[::4] == keyframes).all()
    many = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    for between in (3, 7, 49):
        assert (through(many, 49 * between + 1, mode)[::between] == many).all()
    assert (through(keyframes, 16, mode, loop=True)[::4] == keyframes).all()


@pytest.mark.parametrize("loop", [False, True])
def test_a_smooth_path_turns_less_at_a_stop_than_a_straight_one(loop: bool) -> None:
    keyframes = np.random.default_rng(3).normal(size=(5, 8)).astype(np.float32)

    def sharpest_turn(mode: Mode) -> float:
        steps = np.diff(np.concatenate([path := through(keyframes, 401, mode, loop), path[: 2 * loop]]), axis=0)
        before, after = steps[:-1], steps[1:]
        norms = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
        return float((np.sum(before * after, axis=1) / norms).min())

    assert sharpest_turn("catmull-rom") > 0.97
    assert sharpest_turn("lerp") < 0.5


def test_slerp_keeps_the_norm_and_lerp_goes_straight() -> None:
    ends = np.array([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]], np.float32)
    assert np.linalg.norm(through(ends, 9, "slerp"), axis=1) == pytest.approx(np.full(9, 2.0), abs=1e-5)
    assert np.linalg.norm(through(ends, 9, "lerp"), axis=1).min() == pytest.approx(2**0.5, abs=1e-5)
    assert np.allclose(line(ends[0], ends[1], 3)[1], [1, 1, 0])


def test_a_latent_space_may_have_any_shape() -> None:
    keyframes = np.random.default_rng(0).normal(size=(3, 2, 4, 4)).astype(np.float32)
    path = through(keyframes, 5)
    assert path.shape == (5, 2, 4, 4)
    assert (path[2] == keyframes[1]).all()
    assert circle(Plane.of_dimensions((2, 2, 2), 3, 7), 4).shape == (4, 2, 2, 2)


def test_a_circle_closes_and_is_even() -> None:
    path = circle(PLANE, 96, radius=1.5)
    assert np.linalg.norm(path, axis=1) == pytest.approx(np.full(96, 1.5), abs=1e-5)
    assert path[0] == pytest.approx([1.5, 0.0])
    assert path[24] == pytest.approx([0.0, 1.5], abs=1e-6)
    assert evenness(path, loop=True).ratio == pytest.approx(1.0, abs=1e-5)
    assert circle(PLANE, 8, phase=0.25)[0] == pytest.approx([0.0, 1.0], abs=1e-6)


def test_a_lissajous_figure_closes() -> None:
    path = lissajous(PLANE, 200, radius=2.0)
    assert np.abs(path).max() == pytest.approx(2.0, abs=1e-3)
    assert evenness(path, loop=True).largest < 0.2
    assert len(np.unique(path.round(4), axis=0)) > 190  # it crosses itself, and does not go back the way it came


def test_a_track_is_followed_as_given_or_at_even_speed() -> None:
    places = [[0, 0], [3, 0], [3, 1]]
    assert (track(PLANE, places) == np.array(places)).all()
    walked = track(PLANE, places, frames=5)
    assert walked.tolist() == [[0, 0], [1, 0], [2, 0], [3, 0], [3, 1]]
    there_and_back = track(PLANE, [[0, 0], [1, 0]], frames=4, loop=True)
    assert there_and_back[:, 0].tolist() == [0, 0.5, 1, 0.5]
    assert (track(PLANE, [[2, 1]], frames=3) == [2, 1]).all()


def test_what_cannot_be_a_path_is_said() -> None:
    with pytest.raises(InputError, match="did you mean 'slerp'"):
        through([[0.0], [1.0]], 3, "slrp")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least one frame"):
        through([[0.0], [1.0]], 0)
    with pytest.raises(InputError, match="at least one point"):
        through(np.zeros((0, 3)), 3)
    with pytest.raises(InputError, match="not finite"):
        through([[0.0], [float("nan")]], 3)
    with pytest.raises(InputError, match="one shape"):
        through([[0.0, 1.0], [1.0]], 3)
    with pytest.raises(InputError, match=r"places \(x, y\)"):
        track(PLANE, [[0, 0, 0]])


def test_evenness_of_frames() -> None:
    jump = np.zeros((5, 4, 4, 1), np.uint8)
    jump[2:] = 100
    assert evenness(jump).largest == 100
    assert evenness(jump).ratio == 4
    assert evenness(jump, loop=True).mean == 40
    assert evenness(jump[:1]).ratio == 1
