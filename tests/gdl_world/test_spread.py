"""Rows in several processes are the same rows; a process that dies or fails is told of in words."""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.shared_memory import SharedMemory

import numpy as np
import pytest
import torch

pytest.importorskip("Box2D", reason="needs the extra box2d")

from gdl_core.errors import GdlError
from gdl_world.baselines import baseline
from gdl_world.envs.catalogue import CarSettings, find
from gdl_world.envs.many import Many
from gdl_world.envs.spread import Spread, _work
from gdl_world.play import play


def test_spread_rows_are_the_same_rows_and_a_death_is_told_of() -> None:
    env, alone = (find("car").build(CarSettings(skip=10, workers=workers)) for workers in (2, 1))
    assert env.described == alone.described
    worlds, single = env.make(3), alone.make(3)
    assert isinstance(worlds, Spread)
    assert isinstance(single, Many)
    assert worlds.single_action_space == single.single_action_space
    seen: list[list[np.ndarray]] = [[], []]
    results = [
        play(one, baseline("random", env), [1, 2, 3], 12, lambda t, f, *rest, keep=keep.append: keep(f))
        for one, keep in zip((worlds, single), seen, strict=True)
    ]
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(*seen, strict=True))
    before = worlds.step(np.zeros((3, 3)))[0]
    frames, _ = worlds.reset(seed=[5, 9, 9], options={"reset_mask": np.array([True, False, False])})
    assert np.array_equal(frames[1:], before[1:])
    assert np.array_equal(frames[0], single.reset(seed=[5, 6, 7])[0][0])
    os.kill(worlds._processes[1].pid, signal.SIGKILL)
    with pytest.raises(GdlError, match="died"):
        play(worlds, baseline("still", env), [1, 2, 3], 12)
    worlds.close()
    single.close()


def test_what_fails_in_a_process_is_told() -> None:
    with pytest.raises(GdlError, match="unknown environment 'nowhere'"):
        Spread("nowhere", {}, 2, (3, 8, 8), 2)


def test_a_process_has_one_thread() -> None:
    before = torch.get_num_threads()
    ours, theirs = multiprocessing.Pipe()
    memory = SharedMemory(create=True, size=12)
    try:
        torch.set_num_threads(2)
        ours.send(("close", None))
        _work(theirs, "car", {}, (memory.name, 1, (3, 2, 2), 0, 1))
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
        memory.unlink()
