"""CarRacing: fast frames show what official ones do, and what is earned is the same."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

pytest.importorskip("Box2D", reason="needs the extra box2d")

from gymnasium.envs.box2d.car_racing import CarRacing

from gdl_world.baselines import baseline
from gdl_world.envs.car import Car
from gdl_world.envs.car_view import PIXELS
from gdl_world.envs.catalogue import CarSettings, find
from gdl_world.play import play


def _drive(time: int) -> np.ndarray:
    return np.array([0.3 * np.sin(time / 12), *((0.2, -1.0) if time < 60 else (-1.0, 0.1))], np.float32)


@pytest.mark.parametrize("seed", [3, 11])
def test_fast_frames_show_what_official_ones_do(seed: int) -> None:
    fast, official = Car("fast", 1), Car("official", 1)
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


def test_official_frames_are_those_of_gymnasium() -> None:
    mine, theirs = Car("official", 3), CarRacing(continuous=True)
    mine.reset(7)
    theirs.reset(seed=7)
    for time in range(40):
        frame, _, _, _ = mine.step(np.array([0.2, -0.4, -1.0]))
        for _ in range(3):
            seen, *_ = theirs.step(np.array([0.2, 0.3, 0.0]))
        if time % 8 == 0:
            image = Image.fromarray(np.ascontiguousarray(seen[:84]))
            assert np.array_equal(frame, np.asarray(image.resize((64, 64), Image.Resampling.BOX)))
    mine.close()
    theirs.close()


def test_players_that_do_not_look_earn_the_same_unseen() -> None:
    env = find("car").build(CarSettings(skip=8, renderer="official", workers=1))
    assert env.unseen is not None
    blind = baseline("random", env)
    seen, unseen = (play(make(2), blind, [3, 4], 20) for make in (env.make, env.unseen))
    assert all(np.array_equal(a, b) for a, b in zip(seen, unseen, strict=True))
    assert not env.unseen(1).reset(seed=[1])[0].any()


def test_leaving_the_field_is_seen_and_ends_it() -> None:
    car = Car("fast", 1)
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


@pytest.mark.parametrize("skip", [3, 7])
def test_one_who_is_lost_gives_up_and_earns_what_standing_still_would(skip: int) -> None:
    results = []
    for give_up in (0, 60):
        car = Car("fast", skip, give_up)
        car.reset(5)
        total, steps, over, cut = 0.0, 0, False, False
        while not (over or cut):
            _, reward, over, cut = car.step(np.array([0.0, 0.0, -1.0] if steps < 20 else [0.0, -1.0, 1.0]))
            total, steps = total + reward, steps + 1
        results.append((total, car.steps, over, cut))
        car.close()
    (whole, all_steps, over, cut), (short, few, gave_up, not_cut) = results
    assert (over, cut, gave_up, not_cut) == (False, True, True, False)
    assert all_steps == 1000
    assert 60 < few < 300
    assert short == pytest.approx(whole, abs=1e-9)
    assert whole > -100, "it came to some pieces of track before"


def test_an_episode_is_cut_off_at_a_thousand_steps() -> None:
    car = Car("fast", 50)
    car.reset(5)
    cuts = [car.step(np.array([0.0, -1.0, -1.0]))[3] for _ in range(20)]
    assert cuts == [False] * 19 + [True]
    car.close()


def test_a_number_of_zero_is_half_gas_and_no_brake() -> None:
    speeds = []
    for action in ([0.0, 0.0, 0.0], [0.0, -0.95, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]):
        car = Car("fast", 30)
        car.reset(5)
        car.step(np.array(action))
        speeds.append(float(np.hypot(*car.env.car.hull.linearVelocity)))
        car.close()
    half, little, none, braked = speeds
    assert half > little + 1 > 2
    assert none < 0.5
    assert braked < half - 1
