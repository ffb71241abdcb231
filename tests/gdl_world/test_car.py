"""CarRacing: fast frames show what official ones do, and what is earned is the same."""

from __future__ import annotations

import os

import numpy as np
import pytest

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

pytest.importorskip("Box2D", reason="needs the extra box2d")

from gdl_world.envs.car import PIXELS, Car
from gdl_world.envs.catalogue import CarSettings, find


def _drive(time: int) -> np.ndarray:
    return np.array([0.3 * np.sin(time / 12), *((0.2, -1.0) if time < 60 else (-1.0, 0.1))], np.float32)


@pytest.mark.parametrize("seed", [3, 11])
def test_fast_frames_show_what_official_ones_do(seed: int) -> None:
    fast, official = Car(True, 1), Car(False, 1)
    pairs = [(fast.reset(seed), official.reset(seed))]
    for time in range(90):
        (mine, reward, *over), (theirs, other, *their_over) = fast.step(_drive(time)), official.step(_drive(time))
        assert reward == other
        assert over == their_over
        pairs.append((mine, theirs))
    away = np.stack([np.abs(mine.astype(int) - theirs) for mine, theirs in pairs])
    assert away.mean((1, 2, 3)).max() < 4, "of 255 levels"
    assert (away.max(-1) > 40).mean((1, 2)).max() < 0.03, "edges alone may differ"
    # the eye is not easily fooled: a frame of some steps before is far worse
    late = np.abs(pairs[-1][0].astype(int) - pairs[-21][1])
    assert late.mean() > 3 * away[-1].mean()
    fast.close()
    official.close()


def test_it_is_an_environment_like_any_other() -> None:
    entry = find("car")
    env = entry.build(CarSettings(skip=4))
    assert env.shape == (3, PIXELS, PIXELS)
    assert env.cap == 250
    worlds = env.make(2)
    frames, _ = worlds.reset(seed=[1, 2])
    assert not np.array_equal(frames[0], frames[1])
    again, _, over, cut, _ = worlds.step(np.array([[0.0, 1.0, -1.0], [-1.0, -1.0, 1.0]], np.float32))
    assert not np.array_equal(again[0], frames[0])
    assert not (over | cut).any()
    worlds.close()


def test_leaving_the_field_is_seen_and_ends_it() -> None:
    car = Car(True, 1)
    car.reset(5)
    car.env.car.hull.position = (320.0, 330.0)
    frame, _, over, _ = car.step(np.array([0.0, -1.0, -1.0]))
    assert not over
    assert (frame == 0).all(-1).any(), "beyond the field is nothing"
    car.env.car.hull.position = (340.0, 330.0)
    _, reward, over, _ = car.step(np.array([0.0, -1.0, -1.0]))
    assert over
    assert reward == -100
    car.close()


def test_an_episode_is_cut_off_at_a_thousand_steps() -> None:
    car = Car(True, 50)
    car.reset(5)
    cuts = [car.step(np.array([0.0, -1.0, -1.0]))[3] for _ in range(20)]
    assert cuts == [False] * 19 + [True]
    car.close()


def test_a_number_of_zero_is_half_gas_and_no_brake() -> None:
    speeds = []
    for action in ([0.0, 0.0, 0.0], [0.0, -0.95, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]):
        car = Car(True, 30)
        car.reset(5)
        car.step(np.array(action))
        speeds.append(float(np.hypot(*car.env.car.hull.linearVelocity)))
        car.close()
    half, little, none, braked = speeds
    assert half > little + 1 > 2
    assert none < 0.5
    assert braked < half - 1
