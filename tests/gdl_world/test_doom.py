"""Take Cover: an episode is a function of its seed; an engine that dies is told of in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("vizdoom", reason="needs the extra doom")

from gdl_core.errors import GdlError
from gdl_world.baselines import baseline
from gdl_world.envs.catalogue import DoomSettings, find
from gdl_world.envs.doom import TakeCover, smaller
from gdl_world.play import play


def test_an_episode_is_the_same_alone_and_in_company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    env = find("takecover").build(DoomSettings(skip=8))
    seen: dict[int, list[np.ndarray]] = {1: [], 2: []}
    earned = {}
    for rows in seen:
        worlds = env.make(rows)
        seeds = [5, 7][-rows:]
        found = play(
            worlds, baseline("random", env), seeds, env.cap, lambda t, f, *r, rows=rows: seen[rows].append(f[-1])
        )
        earned[rows] = found[0][-1]
        assert found[2].all()
        assert (found[0] <= 8 * found[1]).all()
        worlds.close()
    assert earned[1] == earned[2] > 50
    steps = len(seen[1])
    assert all(np.array_equal(a, b) for a, b in zip(seen[1], seen[2][:steps], strict=True))
    assert seen[1][0].shape == (64, 64, 3)
    assert seen[1][0].std() > 5
    assert not list(tmp_path.iterdir()), "an engine left something behind"


def test_a_frame_is_the_screen_averaged() -> None:
    for seed in range(20):
        screen = np.random.default_rng(seed).integers(0, 256, (120, 160, 3), dtype=np.uint8)
        mean = F.adaptive_avg_pool2d(torch.from_numpy(screen).permute(2, 0, 1).float(), 64).permute(1, 2, 0)
        assert np.array_equal(smaller(screen), mean.round().to(torch.uint8).numpy())


def test_a_dead_engine_is_told_of() -> None:
    game = TakeCover(4)
    game.reset(1)
    game.game.close()
    with pytest.raises(GdlError, match="the same command goes on"):
        game.step(0)
    game.close()
