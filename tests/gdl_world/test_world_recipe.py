"""The whole road in one recipe: collect, see, remember, dream, evolve, score, film; and what goes wrong, in words."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from world_toys import recipe_of, run_text

from gdl_core import media
from gdl_core.errors import CancelledError, GdlError
from gdl_core.model_file import read_model
from gdl_core.registry import get_registry

ROAD = """
gdl: 1
title: A small road
seed: 3
steps:
  arena:  {do: env, name: dodge, set: {cap: 50}}
  play:   {do: rollouts, env: $arena, episodes: 12}
  eye:    {do: train, model: vision, data: $play, for: 20 steps, batch: 16, precision: fp32, set: {latent: 4, width: 4},
           save: eye.gdl}
  codes:  {do: sequences, episodes: $play, vision: $eye, length: 16}
  memory: {do: train, model: memory, data: $codes, for: 20 steps, batch: 16, precision: fp32,
           set: {hidden: 16, ensemble: 2}, save: memory.gdl}
  told:   {do: measure, model: $memory, data: $codes, save: told.md}
  dream:  {do: dream, vision: $eye, memory: $memory, starts: $play, temperature: 1.1}
  player: {do: evolve, env: $dream, vision: $eye, memory: $memory, generations: 3, population: 6, rollouts: 2,
           watch: $arena, watch_every: 2, watch_episodes: 3, save: player.gdl}
  on:     {do: evolve, env: $dream, vision: $eye, memory: $memory, from: $player, generations: 1, population: 6,
           rollouts: 2}
  short:  {do: evolve, env: $dream, vision: $eye, memory: $memory, cell: false, generations: 1, population: 6,
           rollouts: 2, horizon: 5}
  brief:  {do: evolve, env: $arena, vision: $eye, generations: 1, population: 4, rollouts: 2, horizon: 7,
           standard: false}
  amid:   {do: dream, vision: $eye, memory: $memory, starts: $codes, cap: 8}
  midway: {do: evolve, env: $amid, vision: $eye, memory: $memory, generations: 1, population: 4, rollouts: 2}
  rounds: {do: iterate, env: $arena, vision: $eye, memory: $memory, data: $codes, from: $short, rounds: 3, looks: 3,
           strays: 2, updates: 4, batch: 8, recent: 1, horizon: 6, generations: 2, population: 4, rollouts: 2,
           save: rounds.gdl}
  better: {do: curves, model: $rounds, save: [better.png, better.csv]}
  wiser:  {do: part, agent: $rounds, which: memory, save: wiser.gdl}
  blank:  {do: untrained, model: $wiser}
  real:   {do: evolve, env: $arena, vision: $eye, memory: $blank, generations: 2, population: 4, rollouts: 2}
  seeing: {do: evolve, env: $dream, vision: $eye, generations: 1, population: 4, rollouts: 2}
  again:  {do: rollouts, env: $arena, policy: $player, episodes: 4, explore: 0.2, first: $play}
  more:   {do: train, model: vision, data: $again, for: 2 steps, batch: 16, precision: fp32, set: {latent: 4, width: 4}}
  proof:  {do: score, env: $arena, agents: {dreamer: $player, real: $real, eye alone: $seeing}, episodes: 8, search: 4,
           dreams: {dreamer: $dream}, save: [proof.csv, proof.md]}
  best:   {do: choose, env: $arena, agents: {dreamer: $player, real: $real}, dreams: {dreamer: $dream}, episodes: 6,
           save: best.gdl}
  film:   {do: film, env: $arena, dream: $dream, agent: $best, steps: 12, save: film.webp}
  nights: {do: temperatures, dream: $dream, agent: $player, temperatures: [0, 1.5], steps: 6, save: nights.webp}
  new:    {do: curious, env: $arena, vision: $eye, memory: $memory, known: $codes, by: surprise}
  gaper:  {do: evolve, env: $new, vision: $eye, memory: $memory, generations: 1, population: 4, rollouts: 2}
  unsure: {do: curious, env: $dream, vision: $eye, memory: $memory, known: $codes, own: 0.5}
  seeker: {do: evolve, env: $unsure, vision: $eye, memory: $memory, generations: 1, population: 4, rollouts: 2}
  sought: {do: rollouts, env: $arena, policy: $gaper, steps: 90, episodes: 50, hold: [2, 5], explore: 0.5,
           save: sought.zip}
  views:  {do: coverage, env: $arena, episodes: {random: $play, curious: $sought}, save: views.csv}
  tweaks: {do: tweak, vision: $eye, episodes: $play, n: 2, columns: 3, frames: 8, save: [tweaks.png, tweaks.csv]}
"""


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("road") / "run"
    run_text(ROAD, folder)
    return folder


def test_the_road_is_walked_to_its_end(road: Path) -> None:
    table = media.read(road / "proof.csv", get_registry())
    players = table.column("player")
    assert players == ("random", "still", "blind sweep", "dreamer", "real", "eye alone")
    assert all(float(str(mean)) > 5 for mean in table.column("mean"))
    assert all(float(str(error)) >= 0 for error in table.column("standard error"))
    notes = dict(zip(players, table.column("note"), strict=True))
    assert "the best on 4 other episodes" in notes["blind sweep"]
    assert notes["dreamer"] == "evolved in a dream of dodge"
    assert notes["eye alone"].endswith("without a memory")
    gauges = dict(zip(players, table.column("cheat gauge"), strict=True))
    assert float(str(gauges["dreamer"])) > 0
    assert gauges["random"] in (None, "")
    film = media.read(road / "film.webp", get_registry())
    assert 2 <= len(film.pixels) <= 12
    assert film.pixels.std() > 20
    nights = media.read(road / "nights.webp", get_registry())
    assert len(nights.pixels) <= 6
    tweaks = media.read(road / "tweaks.csv", get_registry())
    moves = [float(str(value)) for value in tweaks.column("moves")]
    assert len(moves) == 4
    assert moves == sorted(moves, reverse=True)
    assert sum(float(str(share)) for share in tweaks.column("of all movement")) == pytest.approx(1)
    views = media.read(road / "views.csv", get_registry())
    assert views.column("player") == ("random", "curious")
    assert all(int(str(states)) > 20 for states in views.column("states"))
    assert media.verify(road / "sought.zip", get_registry()) is True
    told = (road / "told.md").read_text()
    assert "copy of the last z" in told
    assert "told no action" in told


def test_other_libraries_train_in_a_dream_as_the_readme_says(road: Path, tmp_path: Path) -> None:
    text = (Path(__file__).resolve().parents[2] / "plugins" / "gdl_world" / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code.replace("runs/dodge", str(road)), "README.md", "exec"), names)
    assert names["points"].shape == (64, 4)
    assert names["dream"].cap == 50
    with pytest.raises(GdlError, match="holds no episodes that could be read"):
        names["read_episodes"](tmp_path)


def test_episodes_are_no_longer_than_the_horizon(road: Path) -> None:
    brief = read_model(road / ".gdl" / "brief" / "result.gdl").history
    assert all(float(str(value)) == 7 for name in ("mean", "best", "worst") for value in brief.column(name))  # 1 a step
    short = read_model(road / ".gdl" / "short" / "result.gdl").history
    assert 0 < float(str(short.column("best")[0])) < 6


def test_rounds_of_dreaming_and_waking_tell_what_came_of_each(road: Path) -> None:
    agent, told = read_model(road / "rounds.gdl"), media.read(road / "better.csv", get_registry())
    history = agent.history
    assert history.column("round") == (1, 2, 3)
    assert history.column("nll")[0] is None, "the first round dreams with the memory that was given"
    assert set(told.column("part")) == {"nll", "dreamt", "earned", "deviation", "strayed"}
    report = json.loads((road / "report.json").read_text(encoding="utf-8"))
    notes = next(step for step in report["steps"] if step["name"] == "rounds")["notes"]
    best = max(range(3), key=lambda number: float(str(history.column("earned")[number])))
    assert f"the agent of round {best + 1} of 3 is kept" in notes[-1]
    wiser = read_model(road / "wiser.gdl")
    assert wiser.name == "world/memory"
    mine = agent.model.memory.state_dict()
    assert all(bool((mine[name] == value).all()) for name, value in wiser.model.state_dict().items())
    left = {path.name for path in (road / ".gdl" / "rounds").rglob("*") if path.is_dir() or path.suffix == ".u8"}
    assert "episodes" not in left, "frames are not kept"


def test_an_agent_is_one_file(road: Path) -> None:
    trained = read_model(road / "player.gdl")
    assert trained.model.roles() == {"acts"}
    assert len(trained.history.rows) == 3
    assert trained.training["environment"]["temperature"] == 1.1
    assert float(trained.model.parameters_of_controller.abs().sum()) > 0  # type: ignore[union-attr]


def test_the_chosen_agent_is_the_one_that_earned_most(road: Path) -> None:
    step = next(step for step in json.loads((road / "report.json").read_text())["steps"] if step["name"] == "best")
    earned = {name: float(mean) for note in step["notes"] for name, mean in re.findall(r"(\w+) earned ([\d.]+)", note)}
    assert set(earned) == {"dreamer", "real"}
    best = max(earned, key=lambda name: earned[name])
    assert f"choose: {best} is taken, by 6 episodes of dodge" in step["notes"][-1]
    assert "cheat gauge" in step["notes"][0]
    agents = {"dreamer": read_model(road / "player.gdl"), "real": read_model(road / ".gdl" / "real" / "result.gdl")}
    assert read_model(road / "best.gdl").fingerprint == agents[best].fingerprint


def test_episodes_grow_by_those_of_an_agent(road: Path) -> None:
    before, after = (
        json.loads((road / ".gdl" / step / "episodes" / "episodes.json").read_text())["episodes"]
        for step in ("play", "again")
    )
    assert len(after) == 16
    assert after[:12] == before


def test_stopped_anywhere_it_ends_the_same(road: Path, tmp_path: Path) -> None:
    for stop in (3, 40, 90, 150, 400):
        asked = 0

        def cancelled(stop: int = stop) -> bool:
            nonlocal asked
            asked += 1
            return asked == stop

        try:
            run_text(ROAD, tmp_path / "run", cancelled=cancelled)
        except CancelledError:
            continue
    run_text(ROAD, tmp_path / "run")
    for name in ("proof.csv", "told.md", "film.webp", "views.csv", "sought.zip"):
        assert (tmp_path / "run" / name).read_bytes() == (road / name).read_bytes(), name
    for name in ("player.gdl", "rounds.gdl"):
        mine, other = (read_model(folder / name) for folder in (tmp_path / "run", road))
        assert mine.fingerprint == other.fingerprint, name


def test_rounds_stopped_anywhere_come_to_the_same(road: Path, tmp_path: Path) -> None:
    """Each time a file of a round has come to be, the run is stopped, and goes on."""
    run = tmp_path / "run"
    shutil.copytree(road, run)
    shutil.rmtree(run / ".gdl" / "rounds")
    (run / "rounds.gdl").unlink()
    met: set[str] = set()

    def cancelled() -> bool:
        found = {str(path.relative_to(run)) for path in (run / ".gdl" / "rounds").rglob("*.*") if path.is_file()}
        new = {name for name in found - met if not Path(name).name.startswith(".")}
        met.update(new)
        return bool(new)

    for _ in range(200):
        try:
            run_text(ROAD, run, cancelled=cancelled, only=["rounds"])
            break
        except CancelledError:
            continue
    stages = {Path(name).name for name in met}
    assert {"windows.npy", "told.json"} <= stages
    assert any("memory" in Path(name).parts for name in met)
    assert any("search" in Path(name).parts for name in met)
    assert any("outcome" in Path(name).parts for name in met)
    mine, other = read_model(run / "rounds.gdl"), read_model(road / "rounds.gdl")
    assert mine.fingerprint == other.fingerprint
    assert mine.history == other.history


@pytest.mark.parametrize("name", ["outcome/checkpoint-*.safetensors", "told.json", "windows.npy"])
def test_a_damaged_round_is_done_again(name: str, road: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(road, run)
    damaged = list((run / ".gdl" / "rounds").rglob(name))
    assert len(damaged) >= 3
    for path in damaged:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (run / ".gdl" / "rounds" / "result.json").unlink()
    (run / "rounds.gdl").unlink()
    did = run_text(ROAD, run, only=["rounds"])
    assert did.steps[-1].status == "done"
    assert read_model(run / "rounds.gdl").fingerprint == read_model(road / "rounds.gdl").fingerprint


def test_episodes_go_where_a_dataset_goes(tmp_path: Path) -> None:
    more = {
        "some": "{do: pick, data: $play, n: 3, save: some.png}",
        "seen": "{do: reconstruct, model: $eye, data: $play, n: 2, save: seen.png}",
        "numbers": "{do: measure, model: $eye, data: $play, of: [reconstruction], save: numbers.md}",
    }
    run_text(recipe_of(**more), tmp_path / "run")
    assert np.asarray(media.read(tmp_path / "run" / "some.png", get_registry()).pixels).std() > 5
