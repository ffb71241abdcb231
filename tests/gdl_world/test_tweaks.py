"""What a number moves is found where it is moved, and what goes with it is found too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from world_toys import never, played

from gdl_core.config import Settings
from gdl_core.contracts import Model, Posterior
from gdl_core.noise import Noise
from gdl_core.values import TrainedModel
from gdl_world.tweaks import moved


class Lamps(Model):
    """The first number lights a square high on the left, the second one low on the right, the third nothing."""

    def __init__(self) -> None:
        super().__init__(Settings(), (3, 32, 32))
        self.latent_shape = (3,)
        self.one = torch.nn.Parameter(torch.ones(()))

    def encode(self, x: Tensor) -> Posterior:
        where = (x[:, 0, 26:30] * torch.arange(32.0)).sum((1, 2)) / x[:, 0, 26:30].sum((1, 2))
        return Posterior(torch.stack((where, x[:, 1].mean((1, 2)), where), dim=1))

    def decode(self, z: Tensor) -> Tensor:
        frames = torch.full((len(z), 3, 32, 32), 0.5)
        frames[:, :, 2:6, 4:8] += 0.02 * z[:, 0, None, None, None] * self.one
        frames[:, :, 24:28, 20:24] += 0.5 * z[:, 1, None, None, None]
        return frames


def test_each_number_is_found_where_it_is(tmp_path: Path) -> None:
    episodes = played(tmp_path)
    trained = TrainedModel(Lamps(), "lamps", "1", {}, (3, 32, 32), 8, "")
    with torch.no_grad():
        found = moved(trained, episodes, Noise(1), 16, 2.0, never)
    places = found.places
    assert places[0] == pytest.approx([6 / 32, 4 / 32, np.sqrt(2 * 1.25) / 32], abs=1e-3)
    assert places[1, :2] == pytest.approx([22 / 32, 26 / 32], abs=1e-3)
    assert found.moves[2] == 0
    assert found.moves[0] == pytest.approx(4 * found.spread[0] * 0.02 * np.sqrt(16 / 1024), rel=1e-3)
    table = found.table()
    assert table.column("number")[-1] == 2
    assert table.column("moves") == tuple(sorted(found.moves, reverse=True))
    # nobody's reward changes here; where the player stands goes with what was done
    assert (found.goes_with[:, 1] == 0).all()
    assert abs(found.goes_with[0, 2]) > 0.05
    with torch.no_grad():
        sheet = found.sheet(trained, [0, 1], 3, 2.0)
    assert sheet.shape == (6, 32, 32, 3)
    assert (sheet[0] != sheet[2]).any(-1).sum() == 16
