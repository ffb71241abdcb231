"""Rows in several processes are the same rows; a process that dies or fails is told of in words."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

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


RECIPE = """gdl: 1
title: Stop me
seed: 7
steps:
  world: {do: env, name: NAME, set: {skip: 20, workers: WORKERS}}
  play:  {do: rollouts, env: $world, episodes: 4000}
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
@pytest.mark.parametrize(("name", "workers"), [("car", 2), ("takecover", 1)])
def test_ctrl_c_which_reaches_all_processes_stops_cleanly(name: str, workers: int, tmp_path: Path) -> None:
    if name == "takecover":
        pytest.importorskip("vizdoom", reason="needs the extra doom")
    (tmp_path / "stop.yaml").write_text(RECIPE.replace("NAME", name).replace("WORKERS", str(workers)))
    command = [sys.executable, "-u", "-m", "gdl_cli.main", "run", "stop.yaml", "--json", "--out", "run"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if '"progress", "step": "play"' in line:
                break
        os.killpg(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=120)
    assert process.returncode == 130, told
    assert "died" not in told
    assert told.startswith("stopping cleanly")


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
