"""`gdl runs`: how each run ended, and that nothing it may meet in a folder stops it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

Gdl = Callable[..., str]

RECIPE = """gdl: 1
title: Ones
seed: 7
vars: {n: 2}
steps:
  data: {do: digits}
  ones: {do: pick, data: $data, where: {label: 1}, n: $n, save: ones.png}
"""


@pytest.fixture
def ones(tmp_path: Path) -> Path:
    path = tmp_path / "ones.yaml"
    path.write_text(RECIPE)
    return path


def told(gdl: Gdl, *arguments: str) -> dict[str, dict[str, Any]]:
    return {facts["name"]: facts for facts in map(json.loads, gdl("runs", *arguments, "--json").splitlines())}


def begin(folder: Path) -> None:
    """Leave what a run leaves that was killed after its first step."""
    lock = json.loads((folder / "run.lock.json").read_text())
    keys = {"data": lock["steps"]["data"]["key"], "ones": "another key", "more": "k"}
    facts = {"title": "Begun \x1b[31m", "recipe": "ones", "started": "2031-01-01T00:00:00+00:00", "planned": keys}
    (folder / ".gdl" / "begun.json").write_text(json.dumps(facts))


def test_runs_are_listed_with_how_they_ended(gdl: Gdl, ones: Path) -> None:
    gdl("run", "ones.yaml", "--each", "n=1,2")
    gdl("run", "ones.yaml")
    found = told(gdl)
    assert set(found) == {"ones", "ones-each/n-1", "ones-each/n-2"}
    facts = found["ones"]
    assert (facts["title"], facts["status"], facts["done"], facts["steps"], facts["error"]) == (
        "Ones", "done", 2, 2, "",
    )  # fmt: skip
    assert facts["started"].endswith("+00:00")
    assert facts["seconds"] >= 0
    files = [path for path in (ones.parent / "runs" / "ones").rglob("*") if path.is_file()]
    assert facts["size"] == sum(path.stat().st_size for path in files)
    lines = gdl("runs").splitlines()
    assert lines[0].split() == ["run", "status", "when", "took", "steps", "size", "title"]
    assert lines[1].split()[0] in ("ones", "ones-each/n-2")  # two may be of one second
    assert "2/2" in lines[1]
    assert set(told(gdl, "runs/ones")) == {"ones"}


def test_failed_stopped_killed_and_at_work(gdl: Gdl, ones: Path) -> None:
    folder = ones.parent / "runs" / "ones"
    gdl("run", "ones.yaml", "-s", "ones.where.label=eleven", code=2)
    facts = told(gdl)["ones"]
    assert (facts["status"], facts["done"], facts["steps"]) == ("failed", 1, 2)
    assert facts["error"].startswith("step 'ones': ")
    gdl("run", "ones.yaml")
    report = folder / "report.json"
    report.write_text(report.read_text().replace('"status": "done"', '"status": "stopped"', 1))
    assert told(gdl)["ones"]["status"] == "stopped"
    begin(folder)
    facts = told(gdl)["ones"]
    assert (facts["status"], facts["title"], facts["done"], facts["steps"]) == ("unfinished", "Begun \x1b[31m", 1, 3)
    assert facts["seconds"] is None
    with FileLock(folder / ".gdl" / "run.lock"):
        facts = told(gdl)["ones"]
        assert (facts["status"], facts["seconds"]) == ("at work", 0.0)
        assert "Begun \\x1b[31m" in gdl("runs")
    gdl("run", "ones.yaml")
    assert told(gdl)["ones"]["status"] == "done"


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
def test_a_run_is_at_work_while_it_is_and_unfinished_once_killed(gdl: Gdl, tmp_path: Path) -> None:
    (tmp_path / "long.yaml").write_text(
        "gdl: 1\nsteps:\n  data: {do: cylinders, n: 200, size: 8}\n  vae: {do: train, model: vae, data: $data, "
        "for: 100000 steps, previews: false, precision: fp32, set: {network: mlp, width: 16}}\n"
    )
    command = [sys.executable, "-u", "-m", "gdl_cli.main", "run", "long.yaml", "--json"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        assert any('"progress", "step": "vae"' in line for line in process.stdout)
        facts = told(gdl)["long"]
        assert (facts["status"], facts["done"], facts["steps"]) == ("at work", 1, 2)
        process.send_signal(signal.SIGKILL)
    assert told(gdl)["long"]["status"] == "unfinished"


@pytest.mark.parametrize(
    "content",
    ["", "{broken", "[]", "null", "[" * 100_000,
     '{"steps": 3}', '{"gdl": "0", "steps": [1]}', '{"gdl": 1, "steps": [{}]}',
     '{"gdl": 1, "steps": [{"status": ["x"]}], "started": 5, "seconds": "x", "planned": 1, "title": [], "error": {}}'],
)  # fmt: skip
def test_damaged_folders_are_told_and_harm_nothing(content: str, gdl: Gdl, ones: Path) -> None:
    gdl("run", "ones.yaml")
    folder = ones.parent / "runs" / "ones"
    (folder / "report.json").write_text(content)
    assert told(gdl)["ones"]["status"] in ("damaged", "done")
    assert "ones" in gdl("runs")
    (folder / ".gdl" / "begun.json").write_text(content)
    (folder / "run.lock.json").write_text(content)
    assert told(gdl)["ones"]["status"] == "unfinished"
    gdl("run", "ones.yaml")
    assert told(gdl)["ones"]["status"] == "done"


def test_foreign_folders_are_passed_over(gdl: Gdl, tmp_path: Path) -> None:
    for name in ("empty", "of a test", ".hidden", "state/.gdl", "deep/er/still/x"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    (tmp_path / "runs" / "file").write_text("x")
    (tmp_path / "runs" / "of a test" / "report.json").write_text('{"tests": 3}')
    (tmp_path / "runs" / "broken").symlink_to(tmp_path / "nothing")
    (tmp_path / "runs" / "round").symlink_to(tmp_path / "runs")
    assert gdl("runs") == "no runs below runs\n"
    assert gdl("runs", "--json") == ""


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may look everywhere")
def test_a_folder_that_may_not_be_read_is_passed_over(gdl: Gdl, tmp_path: Path) -> None:
    (tmp_path / "runs" / "closed").mkdir(parents=True, mode=0)
    assert gdl("runs") == "no runs below runs\n"


def test_a_folder_that_is_not_there(gdl: Gdl) -> None:
    assert gdl("runs", code=2) == "gdl: there is no folder runs; gdl run makes it\n"
    assert gdl("runs", "x", code=2) == "gdl: there is no folder x; give one that has run folders\n"
