"""The honest end of a world model: who learned in a dream alone earns more outside than those who do not look."""

from __future__ import annotations

from pathlib import Path

import pytest

from gdl_core import media
from gdl_core.recipe.check import check_text
from gdl_core.recipe.execute import run_recipe
from gdl_core.registry import get_registry

RECIPE = """
gdl: 1
title: The recipe dodge, without its controls
seed: 7
steps:
  arena:   {do: env, name: dodge}
  play:    {do: rollouts, env: $arena, policy: random, episodes: 400}
  eye:     {do: train, model: vision, data: $play, for: 4 epochs, batch: 64, previews: false,
            set: {latent: 24, moving: 20, free_bits: 0, lr: 0.003}}
  codes:   {do: sequences, episodes: $play, vision: $eye, length: 32}
  memory:  {do: train, model: memory, data: $codes, for: 1500 steps, batch: 64, previews: false}
  foresee: {do: measure, model: $memory, data: $codes, save: foresight.csv}
  dream:   {do: dream, vision: $eye, memory: $memory, starts: $play, temperature: 1.15}
  player:  {do: evolve, env: $dream, vision: $eye, memory: $memory, generations: 20, rollouts: 8}
  proof:   {do: score, env: $arena, episodes: 200, agents: {dreamer: $player}, save: score.csv}
  film:    {do: film, env: $arena, dream: $dream, agent: $player, save: [film.webp, film.gif]}
"""


@pytest.mark.slow
def test_who_learned_in_a_dream_beats_who_does_not_look(tmp_path: Path) -> None:
    registry = get_registry()
    run_recipe(check_text(RECIPE, registry), tmp_path / "run", registry, device="cpu")
    score = media.read(tmp_path / "run" / "score.csv", registry)
    assert set(score.column("episodes")) == {200}
    told = {
        str(name): (float(str(mean)), float(str(error)))
        for name, mean, error in zip(
            *(score.column(name) for name in ("player", "mean", "standard error")), strict=True
        )
    }  # fmt: skip
    mean, error = told["dreamer"]
    for other, least in (("random", 3.0), ("still", 3.0), ("blind sweep", 2.0)):
        ahead = (mean - told[other][0]) / (error**2 + told[other][1] ** 2) ** 0.5
        assert ahead >= least, (other, told)
    foresight = media.read(tmp_path / "run" / "foresight.csv", registry)
    surprise = dict(zip(foresight.header, foresight.rows[0], strict=True))
    assert surprise["measure"] == "surprise of the next frame"
    mine = float(str(surprise["memory"]))
    beside = dict(part.rsplit(" ", 1) for part in str(surprise["baselines"]).split("; "))
    assert set(beside) == {"copy of the last z", "told no action", "told another's actions"}
    assert all(mine < float(nats) for nats in beside.values()), surprise
    for name in ("film.webp", "film.gif"):
        film = media.read(tmp_path / "run" / name, registry)
        assert len(film.pixels) > 20
        assert film.pixels.std() > 20
