"""Killed inside a write of any kind, a run leaves whole files, and goes on to the bytes of an undisturbed one.

`benchmarks/kill_runs.py` does the same to the digits recipe.
"""

from __future__ import annotations

import random
import shutil
import sys
from pathlib import Path

import pytest
from recipe.killing import Event, Killed, contents, events, temporary, wounds

from gdl_cli import main

RECIPE = """gdl: 1
title: Kill me
seed: 7
steps:
  data: {do: cylinders, n: 120, size: 8}
  vae:
    do: train
    model: vae
    data: $data
    for: 16 steps
    batch: 16
    previews: false
    precision: fp32
    set: {network: mlp, width: 16}
    save: vae.gdl
  new: {do: sample, model: $vae, n: 4, save: ["new/{i}.png", new.npz]}
  walk: {do: walk, model: $vae, path: circle, radius: 1, frames: 2, save: walk.gif}
"""

HIT = (
    "checkpoint write", "checkpoint rename", "checkpoint renamed", "checkpoint remove", "lock write", "lock renamed",
    "model write", "output write", "output renamed", "state write", "key rename", "report write",
)  # fmt: skip


def _run(recipe: Path, out: Path) -> list[str]:
    return ["run", str(recipe), "--no-cache", "--json", "--out", str(out)]


@pytest.mark.skipif(not Path("/proc/self/fd").exists() or sys.platform == "win32", reason="needs fork and /proc")
def test_killed_inside_every_kind_of_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe, whole = tmp_path / "kill.yaml", tmp_path / "whole"
    recipe.write_text(RECIPE)
    census = Killed(whole, tmp_path / "log", _run(recipe, whole), every=3)
    assert census.wait() == 0, census.told
    found = events(tmp_path / "log")
    chance = random.Random(1)
    moments: dict[int, Event] = {}
    for kind in HIT:
        fitting = [event for event in found if f"{event.kind} {event.what}" == kind and event.number not in moments]
        assert fitting, kind
        event = chance.choice(fitting)
        moments[event.number] = event
    out, log = str(tmp_path / "killed-{at}"), str(tmp_path / "log-{at}")
    killed = Killed(Path(out), Path(log), _run(recipe, Path(out)), sorted(moments), every=3)
    assert killed.wait() == 0, killed.told
    went_on = 0
    for number, event in sorted(moments.items()):
        folder = Path(out.format(at=number))
        assert events(Path(log.format(at=number)))[-1] == event
        assert wounds(folder, whole) == [], event
        assert main.run(_run(recipe, folder)) == 0
        went_on += "gone on from step" in capsys.readouterr().out
        assert contents(folder) == contents(whole), event
        assert temporary(folder) == [], event
        shutil.rmtree(folder)
    assert went_on >= 4
