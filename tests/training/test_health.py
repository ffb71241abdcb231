"""What goes wrong is found early and called by its name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from training.toys import Toy, ToyConfig, fit, make, pictures

from gdl_core.contracts import Batch, Losses
from gdl_core.data.dataset import Dataset
from gdl_core.errors import DataError, TrainingError
from gdl_core.noise import Noise
from gdl_core.training.build import build_model
from gdl_core.training.health import active_units, check_data, posterior_collapse


def _vectors(low: float, high: float) -> Dataset:
    data = np.linspace(low, high, 60, dtype=np.float32).reshape(20, 3)
    return Dataset("numbers", data, {}, np.arange(4), "0")


@pytest.mark.parametrize(
    ("low", "high", "words"), [(0, 255, "divide by 255"), (-1, 1, "add 1 and halve"), (-40, 3000, "gaussian or mse")]
)
def test_values_outside_the_models_range_are_named(low: float, high: float, words: str) -> None:
    model = build_model(Toy, ToyConfig(), (3,), Noise(0))
    dataset = _vectors(low, high)
    check_data(dataset, model)  # a model that takes any number takes these
    model.input_range = (0.0, 1.0)
    with pytest.raises(DataError, match=words):
        check_data(dataset, model)


def test_a_model_for_another_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="was built for"):
        fit(make(side=5), tmp_path)


def test_no_training_samples(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no training samples"):
        fit(make(), tmp_path, pictures(12, 12))


class _Exploding(Toy):
    def loss(self, batch: Batch) -> Losses:
        parts = dict(super().loss(batch))
        if batch.training and batch.step >= 23:
            parts["loss"] = parts["loss"] * float("nan")
        return parts


@pytest.mark.parametrize(("seconds", "words"), [(0.0, "the checkpoint of step 23 is kept"), (60.0, "before the first")])
def test_divergence_is_named_and_the_last_good_checkpoint_stays(tmp_path: Path, seconds: float, words: str) -> None:
    with pytest.raises(TrainingError, match=rf"diverged at step 23: loss nan, .*{words}.*lower lr than 0.01"):
        fit(make(_Exploding), tmp_path, duration="60 steps", finite_every=10, checkpoint_seconds=seconds)
    files = sorted(tmp_path.glob("*.safetensors"))
    assert [int(file.stem[11:]) for file in files] == ([22, 23] if seconds == 0 else [])


def test_weights_that_overflow_are_never_saved(tmp_path: Path) -> None:
    class Sudden(Toy):
        def loss(self, batch: Batch) -> Losses:
            if batch.step == 4:
                with torch.no_grad():
                    self.decoder.bias.fill_(float("inf"))
            return super().loss(batch)

    with pytest.raises(TrainingError, match="diverged"):
        fit(make(Sudden), tmp_path, duration="30 steps", checkpoint_seconds=0)


class _Collapsed(Toy):
    def loss(self, batch: Batch) -> Losses:
        wrong = self.decoder(0 * self.encoder(batch.x)).square().mean()
        return {"loss": wrong, "kl": 0 * wrong}


def test_posterior_collapse_is_named(tmp_path: Path) -> None:
    trained = fit(make(_Collapsed), tmp_path / "a")
    assert "posterior collapse" in trained.notes[-1]
    with pytest.raises(TrainingError, match="posterior collapse"):
        fit(make(_Collapsed), tmp_path / "b", collapse="stop")


def test_collapse_is_seen_by_kl_or_by_units() -> None:
    assert posterior_collapse(5.0, (2, 2)) is None
    assert posterior_collapse(None, None) is None
    assert "0.05 nats" in (posterior_collapse(0.05, None) or "")
    assert "1 of 64" in (posterior_collapse(3.0, (1, 64)) or "")
    mean = torch.zeros(100, 4)
    mean[:, 1] = torch.linspace(-1, 1, 100)
    assert active_units(mean) == (1, 4)


def test_healthy_training_has_no_notes(tmp_path: Path) -> None:
    trained = fit(make(), tmp_path, duration="20 epochs")
    assert trained.notes == ()
    assert trained.facts == {"active_units": 2, "units": 2}
