"""Rows in several processes are the same rows; a process that dies or fails is told of in words."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("Box2D", reason="needs the extra box2d")

from gdl_core.errors import GdlError
from gdl_core.noise import Noise
from gdl_core.processes import one_thread
from gdl_world.agent import Agent
from gdl_world.baselines import baseline
from gdl_world.config import AgentConfig
from gdl_world.envs import spread
from gdl_world.envs.catalogue import CarSettings, find
from gdl_world.envs.many import Many
from gdl_world.envs.spread import Spread
from gdl_world.play import play
from gdl_world.stage import Stage


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


def test_a_population_plays_in_processes_as_here_and_a_death_in_one_half_ends_the_other() -> None:
    envs = [find("car").build(CarSettings(skip=10, workers=workers)) for workers in (2, 1)]
    config = AgentConfig(vision={"network": "mlp", "latent": 4, "width": 8, "depth": 1}, memory=None, numbers=3)
    player = Agent(config, (3, 64, 64)).eval()
    population, calls = Noise(1).normal(5, player.parameters_of_controller.shape), 0
    for env in envs:
        object.__setattr__(env, "cap", 6)
        object.__setattr__(env, "most", 4)

    def kill_one() -> None:
        nonlocal calls
        calls += 1
        if calls > 3:
            time.sleep(0.05)  # the other half does not come far until the death is known
        if calls == 3:
            worlds = stage._halves[1]
            assert isinstance(worlds, Spread)
            os.kill(worlds._processes[0].pid, signal.SIGKILL)

    with closing(Stage(envs[1])) as here:
        earned = here.returns(player, population, [3])
    assert len(np.unique(earned)) > 1
    with closing(Stage(envs[0])) as stage:
        assert np.array_equal(stage.returns(player, population, [3]), earned)
        assert np.array_equal(stage.returns(player, population, [3]), earned), "the same rows again"
        object.__setattr__(envs[0], "cap", 500)
        with pytest.raises(GdlError, match="died"):
            stage.returns(player, population, [3], kill_one)
    assert calls < 100, "the other half does not play on"


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


def _disturb(
    folder: Path, name: str, workers: int, episodes: int, disturbed: Callable[[subprocess.Popen[str]], None]
) -> tuple[int, str]:
    """Start a run, do something to it once it plays, and return its exit code and what it told."""
    text = RECIPE.replace("NAME", name).replace("WORKERS", str(workers)).replace("4000", str(episodes))
    (folder / "stop.yaml").write_text(text)
    command = [sys.executable, "-u", "-m", "gdl_cli.main", "run", "stop.yaml", "--json", "--no-cache", "--out", "run"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if '"progress", "step": "play"' in line:
                break
        disturbed(process)
        _, told = process.communicate(timeout=120)
    return process.returncode, told


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_worker_that_is_killed_costs_a_line_and_the_same_command_goes_on(tmp_path: Path) -> None:
    def kill_a_worker(run: subprocess.Popen[str]) -> None:
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                if int(path.read_text().rpartition(")")[2].split()[1]) != run.pid:
                    continue
                if b"spawn_main" in (path.parent / "cmdline").read_bytes():
                    os.kill(int(path.parent.name), signal.SIGKILL)
                    return
        raise AssertionError("there is no worker")

    code, told = _disturb(tmp_path, "car", 2, 160, kill_a_worker)
    assert code == 1
    assert "a process of car died (exit code -9); the same command goes on" in told
    assert told.count("\n") == 1
    code, told = _disturb(tmp_path, "car", 2, 160, lambda run: None)
    assert code == 0, told


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
@pytest.mark.parametrize(("name", "workers"), [("car", 2), ("takecover", 1)])
def test_ctrl_c_which_reaches_all_processes_stops_cleanly(name: str, workers: int, tmp_path: Path) -> None:
    if name == "takecover":
        pytest.importorskip("vizdoom", reason="needs the extra doom")
    code, told = _disturb(tmp_path, name, workers, 4000, lambda run: os.killpg(run.pid, signal.SIGINT))
    assert code == 130, told
    assert "died" not in told
    assert told.startswith("stopping cleanly")


def test_a_process_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = Spread("car", {"renderer": "fast"}, 2, (3, 64, 64), 2)
    try:
        rows.reset(seed=1)
        monkeypatch.setattr(spread, "_PATIENCE", 1.0)
        os.kill(rows._processes[1].pid, signal.SIGSTOP)
        with pytest.raises(GdlError, match="a process of car has not answered for 1 s; it was given up"):
            rows.step(np.zeros((2, 3), dtype=np.float32))
    finally:
        os.kill(rows._processes[1].pid, signal.SIGCONT)
        rows.close()


@pytest.mark.parametrize("renderer", ["fast", "official"])
def test_a_car_needs_no_screen(renderer: str) -> None:
    told = (
        "import numpy as np; from gdl_world.envs.catalogue import find; entry = find('car'); "
        f"env = entry.build(entry.settings.model_validate({{'renderer': '{renderer}', 'workers': 1}})); "
        "rows = env.make(1); frames, _ = rows.reset(seed=[1]); print(frames.shape, frames.std() > 10)"
    )
    without = {name: value for name, value in os.environ.items() if not name.startswith(("SDL", "DISPLAY", "WAYLAND"))}
    found = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, env=without, check=False)
    assert found.stdout.splitlines()[-1:] == ["(1, 64, 64, 3) True"], found.stderr


def test_a_process_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    told = "import torch; print(torch.get_num_threads())"
    for before in ("2", None):
        monkeypatch.setenv("OMP_NUM_THREADS", before) if before else monkeypatch.delenv("OMP_NUM_THREADS", False)
        with one_thread():
            found = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
        assert found.stdout.strip() == "1"
        assert os.environ.get("OMP_NUM_THREADS") == before


def test_a_process_imports_no_torch_where_its_environment_needs_none() -> None:
    needed = ", ".join(f"gdl_world.envs.{name}" for name in ("spread", "many", "catalogue", "car", "any_gymnasium"))
    told = f"import sys, {needed}; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert found.stdout.split()[-1] == "False"
