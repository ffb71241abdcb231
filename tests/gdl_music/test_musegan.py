"""The game of voices: what the noises do, and that it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("mido", reason="needs the extra music")

from gdl_core.data.dataset import Dataset
from gdl_core.errors import DataError
from gdl_core.noise import Noise
from gdl_core.training.build import build_model
from gdl_core.training.config import TrainingConfig
from gdl_core.training.loop import train
from gdl_music.config import MuseGANConfig
from gdl_music.grid import FIRST, Grid
from gdl_music.musegan import MuseGAN

GRID = Grid(60, 65, 16, ("high", "low"), (0, 0))


def _model(steps: int = 16, **settings: Any) -> MuseGAN:
    small = {"shared": 6, "private": 4, "width": 16, "grid": GRID.told()}
    return build_model(MuseGAN, MuseGANConfig(**{**small, **settings}), (2, steps), Noise(1)).eval()


@torch.no_grad()
def test_private_noise_is_heard_in_its_own_voice_and_shared_in_all() -> None:
    model = _model()
    z = torch.randn(3, 14, generator=torch.Generator().manual_seed(1))
    plain = model.play(z)
    assert plain.shape == (3, 2, 16, GRID.size)
    assert torch.allclose(plain.sum(3), torch.ones(3, 2, 16))
    for numbers, changed in (
        (slice(0, 6), [True, True]),
        (slice(6, 10), [True, False]),
        (slice(10, 14), [False, True]),
    ):
        other = z.clone()
        other[:, numbers] += 1.0
        assert (model.play(other) - plain).abs().amax((0, 2, 3)).gt(1e-6).tolist() == changed
    assert torch.equal(model.play(z[1:2])[0], plain[1]) or torch.allclose(model.play(z[1:2])[0], plain[1], atol=1e-6)


def test_a_game_of_scales_is_learned(tmp_path: Path) -> None:
    scales = []
    for shift in range(3):  # both voices go up together, one step of time apart
        for _ in range(40):
            high = [FIRST + (step // 4 + shift) % 6 if step % 4 == 0 else 1 for step in range(16)]
            scales.append([high, high])
    data = Dataset("scales", np.array(scales, dtype=np.int16), {}, np.arange(0, 120, 10), "0", form=GRID)
    model = _model(n_critic=2, lr=2e-3)
    settings = TrainingConfig.model_validate({"duration": "150 steps", "batch": 32, "precision": "fp32", "held_out": 8})
    before = model.sample(64, Noise(3))
    trained = train(model, data, settings, tmp_path, Noise(2))
    made = model.eval().sample(64, Noise(3))
    real = {tuple(np.array(scale).ravel().tolist()) for scale in scales}

    def nearest(found: torch.Tensor) -> float:
        rows = torch.tensor(sorted(real)).float()
        return (found.flatten(1)[:, None] != rows[None]).float().mean(2).amin(1).mean().item()

    assert nearest(made) < 0.15 < 0.5 < nearest(before)
    assert {"critic_distance", "critic_penalty"} <= set(trained.history.header)


def test_steps_must_be_halved() -> None:
    with pytest.raises(DataError, match="samples of 12 steps cannot be halved 3 times"):
        _model(steps=12)
