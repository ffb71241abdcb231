"""Several processes that run one recipe: the first writes, all judge, and what comes of it is what one finds alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gdl_core.errors import GdlError
from gdl_core.model_file import read_model
from gdl_core.processes import processes
from gdl_core.recipe.check import check_file
from gdl_core.recipe.execute import run_recipe
from gdl_core.registry import get_registry

RECIPE = """
gdl: 1
title: t
seed: 3
steps:
  arena:  {do: env, name: dodge, set: {cap: 30}}
  play:   {do: rollouts, env: $arena, episodes: 8}
  eye:    {do: train, model: vision, data: $play, for: 3 steps, batch: 16, precision: fp32, set: {latent: 4, width: 4}}
  codes:  {do: sequences, episodes: $play, vision: $eye, length: 16}
  memory: {do: train, model: memory, data: $codes, for: 3 steps, batch: 16, precision: fp32, set: {hidden: 8}}
  dream:  {do: dream, vision: $eye, memory: $memory, starts: $play, cap: 20}
  player: {do: evolve, env: $dream, vision: $eye, memory: $memory, generations: GENERATIONS, population: 5, rollouts: 2,
           watch: $arena, watch_every: 2, watch_episodes: 2, save: player.gdl}
  proof:  {do: score, env: $arena, agents: {player: $player}, baselines: [random], episodes: 4, save: proof.csv}
"""


def _torchrun(recipe: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = ["-m", "gdl_cli.main", "run", str(recipe), "--out", str(out), "--no-cache", "--device", "cpu", *more]
    return subprocess.run(
        [*command, *words], capture_output=True, text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )


def test_two_processes_run_a_recipe_as_one_does(tmp_path: Path) -> None:
    recipe = tmp_path / "small.yaml"
    recipe.write_text(RECIPE.replace("GENERATIONS", "3"))
    done = _torchrun(recipe, tmp_path / "two")
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert done.stdout.count("player: done") == 1, done.stdout  # one of them tells
    again = _torchrun(recipe, tmp_path / "two")  # all is there; the second process is told that the run is over
    assert again.returncode == 0, again.stderr[-3000:]
    registry = get_registry()
    run_recipe(check_file(recipe, registry), tmp_path / "one", registry, device="cpu")
    mine, other = (read_model(tmp_path / name / "player.gdl") for name in ("one", "two"))
    assert float(mine.model.parameters_of_controller.abs().max()) > 0.01  # type: ignore[union-attr]
    np.testing.assert_allclose(
        mine.model.parameters_of_controller.numpy(),  # type: ignore[union-attr]
        other.model.parameters_of_controller.numpy(),  # type: ignore[union-attr]
        rtol=1e-4,
        atol=1e-6,
    )
    state = json.loads((tmp_path / "two" / "run.lock.json").read_text())["steps"]
    assert set(state) == {"arena", "play", "eye", "codes", "memory", "dream", "player", "proof"}


def test_one_that_fails_ends_all(tmp_path: Path) -> None:
    recipe = tmp_path / "small.yaml"
    recipe.write_text(RECIPE.replace("GENERATIONS", "2"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".gdl").write_text("a file is in the way")  # of the first process alone
    done = _torchrun(recipe, tmp_path / "out")
    assert done.returncode != 0
    assert "cannot be made the run folder" in done.stderr
    refused = _torchrun(recipe, tmp_path / "each", "--each", "seed=1..2")
    assert refused.returncode != 0
    assert "run one recipe" in refused.stderr


def test_alone_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "3")  # of somebody else's
    monkeypatch.setenv("RANK", "2")
    assert processes() == (0, 1)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    assert processes() == (2, 3)


def test_the_first_process_that_is_gone_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    from gdl_core.training import distributed

    def gone(*args: object) -> None:
        raise RuntimeError("Connection closed by peer")

    monkeypatch.setattr(distributed.dist, "broadcast", gone)
    with pytest.raises(GdlError, match="another of these processes has ended"):
        distributed.of_first(lambda: 1.0, distributed.Ranks(1, 2))
