"""Killed while it collects or evolves, a world goes on to the bytes of an undisturbed run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from recipe.killing import Event, Killed, contents, events, temporary

from gdl_cli import main

RECIPE = """gdl: 1
title: Kill a world
seed: 7
steps:
  arena:  {do: env, name: dodge, set: {cap: 20}}
  play:   {do: rollouts, env: $arena, episodes: 80}
  eye:    {do: train, model: vision, data: $play, for: 2 steps, batch: 16, precision: fp32, previews: false,
           set: {latent: 4, width: 4}}
  codes:  {do: sequences, episodes: $play, vision: $eye, length: 10}
  memory: {do: train, model: memory, data: $codes, for: 2 steps, batch: 16, precision: fp32, set: {hidden: 8}}
  dream:  {do: dream, vision: $eye, memory: $memory, starts: $play}
  player: {do: evolve, env: $dream, vision: $eye, memory: $memory, generations: 5, population: 4, rollouts: 2,
           watch: $arena, watch_every: 2, watch_episodes: 2, save: player.gdl}
  more:   {do: rollouts, env: $arena, policy: $player, episodes: 70, first: $play}
  proof:  {do: score, env: $arena, agents: {player: $player}, baselines: [random], episodes: 4, save: proof.csv}
"""

HIT = (
    ("play/episodes/frames.u8", "write", -1), ("play/episodes/rewards.f4", "fsync", 0),
    ("play/episodes/episodes.json", "rename", -1), ("play/episodes/episodes.json", "renamed", 0),
    ("player/begun/checkpoint-", "rename", 0), ("player/begun/checkpoint-", "renamed", 0),
    ("codes/codes-", "rename", 0), ("player/checkpoint-", "write", 1), ("player/checkpoint-", "rename", 3),
    ("player/checkpoint-", "renamed", 2), ("more/episodes/actions.bin", "write", -1),
    ("proof/random.npy", "renamed", 0), ("proof/agent-", "rename", 0),
)  # fmt: skip
"""Part of a file's name, what is done to it, and which time of those."""


def _run(recipe: Path, out: Path) -> list[str]:
    return ["run", str(recipe), "--no-cache", "--json", "--device", "cpu", "--out", str(out)]


@pytest.mark.skipif(not Path("/proc/self/fd").exists() or sys.platform == "win32", reason="needs fork and /proc")
def test_killed_anywhere_it_ends_as_if_undisturbed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe, whole = tmp_path / "kill.yaml", tmp_path / "whole"
    recipe.write_text(RECIPE)
    census = Killed(whole, tmp_path / "log", _run(recipe, whole))
    assert census.wait() == 0, census.told
    found = events(tmp_path / "log")
    moments: dict[int, Event] = {}
    for part, what, which in HIT:
        fitting = [event for event in found if part in event.file and event.what == what]
        assert len(fitting) > max(which, 0), (part, what)
        moments[fitting[which].number] = fitting[which]
    out, log = str(tmp_path / "killed-{at}"), str(tmp_path / "log-{at}")
    killed = Killed(Path(out), Path(log), _run(recipe, Path(out)), sorted(moments))
    assert killed.wait() == 0, killed.told
    went_on = []
    for number, event in sorted(moments.items()):
        folder = Path(out.format(at=number))
        assert events(Path(log.format(at=number)))[-1] == event
        assert main.run(_run(recipe, folder)) == 0
        went_on += [line for line in capsys.readouterr().out.splitlines() if "gone on from generation" in line]
        assert contents(folder) == contents(whole), event
        assert temporary(folder) == [], event
        told = json.loads((folder / ".gdl" / "more" / "episodes" / "episodes.json").read_text())
        assert told == json.loads((whole / ".gdl" / "more" / "episodes" / "episodes.json").read_text()), event
    assert len(went_on) >= 3
