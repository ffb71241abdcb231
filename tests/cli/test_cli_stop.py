"""Stopping and killing a run from outside; running again ends with the same bytes as an undisturbed run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RECIPE = """gdl: 1
title: Stop me
seed: 7
steps:
  data: {do: cylinders, n: 200, size: 8}
  vae:
    do: train
    model: vae
    data: $data
    for: 2000 steps  # some seconds, so that a signal comes before the end on a busy machine too
    batch: 32
    previews: false
    precision: fp32
    set: {network: mlp, width: 32}
    save: vae.gdl
"""

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")


def start(folder: Path, out: str) -> subprocess.Popen[str]:
    (folder / "stop.yaml").write_text(RECIPE)
    command = [sys.executable, "-u", "-m", "gdl_cli.main", "run", "stop.yaml", "--json", "--out", out]
    # With one thread: two that wait for each other beside other work are many times slower than either.
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=folder, env=alone, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def disturb(folder: Path, out: str, number: signal.Signals) -> tuple[int, str]:
    """Start a run, send it a signal once its training has begun, and return exit code and stderr."""
    with start(folder, out) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if '"progress", "step": "vae"' in line:
                break
        process.send_signal(number)
        _, told = process.communicate(timeout=120)
        return process.returncode, told


def finish(folder: Path, out: str) -> bytes:
    with start(folder, out) as process:
        _, told = process.communicate(timeout=120)
        assert process.returncode == 0, told
    return (folder / out / "vae.gdl").read_bytes()


@posix
def test_stopped_and_killed_runs_end_with_the_same_bytes(tmp_path: Path) -> None:
    whole = finish(tmp_path, "whole")
    for number in (signal.SIGINT, signal.SIGTERM):
        code, told = disturb(tmp_path, "disturbed", number)
        assert code == 130
        assert told.startswith("stopping cleanly; once more stops at once\ngdl: ")
        assert told.count("\n") == 2
        assert list((tmp_path / "disturbed" / ".gdl" / "vae").glob("*.safetensors"))
    code, _ = disturb(tmp_path, "disturbed", signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert not (tmp_path / "disturbed" / "vae.gdl").exists()
    assert finish(tmp_path, "disturbed") == whole


QUICK = """gdl: 1
title: Stop me
steps:
  data: {do: cylinders, n: 40, size: 8}
  one: {do: pick, data: $data, n: 2, save: one.png}
  two: {do: pick, data: $data, n: 2, save: two.png}
"""


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("times", [1, 2])
def test_a_second_signal_stops_at_once(
    gdl: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, times: int
) -> None:
    from gdl_core.steps import pick

    (tmp_path / "quick.yaml").write_text(QUICK)
    healthy = pick.run
    reached = []

    def signalled(arguments: Any, context: Any) -> Any:
        for _ in range(times):
            signal.raise_signal(number)
        reached.append(context.name)
        return healthy(arguments, context)

    monkeypatch.setattr(pick, "run", signalled)
    told = gdl("run", "quick.yaml", "--no-cache", "--out", "out", code=130)
    assert told.startswith("stopping cleanly; once more stops at once\n")
    if times == 1:  # what is being done is kept, the next step is not begun
        assert told.endswith("gdl: stopped before step 'two'; run the same command again to go on\n")
        assert (reached, (tmp_path / "out" / "one.png").exists()) == (["one"], True)
    else:
        assert told.endswith("\ngdl: stopped\n")
        assert (reached, (tmp_path / "out" / "one.png").exists()) == ([], False)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    gdl("run", "quick.yaml", "--no-cache", "--out", "out")
    gdl("run", "quick.yaml", "--no-cache", "--out", "whole")
    for name in ("one.png", "two.png"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
