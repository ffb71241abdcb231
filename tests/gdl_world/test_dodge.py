"""`dodge`: an episode is a function of its seed and of what is done, and it can be lost."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from world_toys import arena

from gdl_world.baselines import Exploring, Random, Sweep, baseline
from gdl_world.envs.dodge import SIZE, Dodge
from gdl_world.play import play


def test_an_episode_is_the_same_alone_and_in_company() -> None:
    env = arena()
    seen: dict[int, list[np.ndarray]] = {1: [], 5: []}
    for rows in seen:
        seeds = [7, 8, 9, 10, 11][-rows:]
        policy = baseline("random", env)
        play(env.make(rows), policy, seeds, env.cap, lambda t, frames, *rest, rows=rows: seen[rows].append(frames[-1]))
    shortest = min(map(len, seen.values()))
    assert shortest > 5
    assert all(np.array_equal(a, b) for a, b in zip(seen[1][:shortest], seen[5][:shortest], strict=True))


def test_seeds_tell_episodes_apart() -> None:
    env = Dodge(2, cap=60)
    env.reset(seed=[1, 2])
    frames = [env.step(np.zeros(2, np.int64))[0] for _ in range(20)]
    assert any(not np.array_equal(pair[0], pair[1]) for pair in frames)


def test_one_who_stands_still_is_hit_and_one_who_is_hit_stands_still() -> None:
    env = Dodge(20, cap=400)
    env.reset(seed=list(range(20)))
    over = np.zeros(20, bool)
    for _ in range(400):
        before = over.copy()
        _, reward, hit, cut, _ = env.step(np.zeros(20, np.int64))
        assert (reward == ~before).all()
        assert not (before & (hit | cut)).any()
        over |= hit | cut
        assert not cut.any()
        if over.all():
            break
    assert over.all()


def test_an_episode_is_cut_off_at_its_cap() -> None:
    env = Dodge(4, cap=3)
    env.reset(seed=0)
    steps = [env.step(np.ones(4, np.int64))[3] for _ in range(3)]
    assert [cut.all() for cut in steps] == [False, False, True]


def test_rows_are_begun_again_one_by_one() -> None:
    env = Dodge(3, cap=50)
    first, _ = env.reset(seed=[4, 5, 6])
    for _ in range(10):
        frames = env.step(np.full(3, 2))[0]
    again, _ = env.reset(seed=[4, 0, 0], options={"reset_mask": np.array([True, False, False])})
    assert np.array_equal(again[0], first[0])
    assert np.array_equal(again[1:], frames[1:])


def test_the_screen_flickers_on_the_left_alone() -> None:
    env = Dodge(1, cap=100, tv=True)
    env.reset(seed=[3])
    screens = []
    for time in range(24):
        frame = env.step(np.array([1 if time < 12 else 2]))[0][0]
        screens.append((frame[1:7, 1:7], float(env._x[0])))
    left = [screen for screen, x in screens if x < SIZE / 3]
    assert len(left) > 3
    assert all(not np.array_equal(a, b) for a, b in pairwise(left))
    assert all((screen == 60).all() for screen, x in screens if x >= SIZE / 3)


def test_gymnasium_finds_nothing_wrong() -> None:
    env = Dodge(3)
    frames, info = env.reset(seed=1)
    assert env.observation_space.contains(frames)
    assert info == {}
    frames, reward, ended, cut, _ = env.step(env.action_space.sample())
    assert env.observation_space.contains(frames)
    assert reward.shape == ended.shape == cut.shape == (3,)


@pytest.mark.parametrize("rows", [1, 4])
def test_blind_players_do_what_they_say(rows: int) -> None:
    actions = arena().actions
    frames = np.zeros((rows, 2, 2, 3), np.uint8)
    sweep = Sweep(actions, 3)
    at = [np.full(rows, time) for time in range(400)]
    assert [sweep.act(frames, at[time])[0] for time in range(8)] == [1, 1, 1, 2, 2, 2, 1, 1]
    still = Sweep(actions, 0)
    assert (still.act(frames, at[5]) == 0).all()
    held = Random(actions, (4, 4), 16)
    held.begin(range(rows))
    done = np.stack([held.act(frames, at[time]) for time in range(16)])
    assert all((done[time] == done[time - time % 4]).all() for time in range(16))


def test_random_players_do_everything_equally_often() -> None:
    random = Random(arena().actions, (1, 3), 3000)
    random.begin([1, 2])
    shares = np.bincount(random.plan.ravel(), minlength=3) / random.plan.size
    assert np.abs(shares - 1 / 3).max() < 0.03
    assert not np.array_equal(random.plan[0], random.plan[1])


def test_one_who_explores_does_so_for_its_share() -> None:
    env = arena(cap=400)
    explorer = Exploring(Sweep(env.actions, 0), env, 0.3)
    explorer.begin([5, 6, 7])
    frames = np.zeros((3, 2, 2, 3), np.uint8)
    done = np.stack([explorer.act(frames, np.full(3, time)) for time in range(400)])
    assert 0.2 * 0.9 < (done != 0).mean() < 0.2 * 1.1  # two of three random actions are not to stand still


def test_a_row_whose_episode_is_over_waits_for_no_other() -> None:
    env = arena(cap=200)
    seeds = list(range(40))
    for policy in (baseline("random", env), Exploring(Sweep(env.actions, 5), env, 0.5)):
        alone = [play(env.make(1), policy, [seed], env.cap) for seed in seeds]
        earned, steps, ended = (np.concatenate(column) for column in zip(*alone, strict=True))
        steps_made = 0

        def see(times: np.ndarray, frames: object, actions: object, rewards: object, live: np.ndarray) -> None:
            nonlocal steps_made
            steps_made += 1
            assert live.any()

        found = play(env.make(4), policy, seeds, env.cap, see)
        assert np.array_equal(found[0], earned)
        assert np.array_equal(found[1], steps)
        assert np.array_equal(found[2], ended)
        assert steps_made <= steps.sum() / 4 + env.cap
        in_blocks = sum(steps[first : first + 4].max() for first in range(0, 40, 4))
        assert steps_made < 0.8 * in_blocks
