"""The probe learns columns of categories and tells its accuracy beside the majority's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import gdl_probe
from gdl_core.contracts import Batch
from gdl_core.data.dataset import Dataset
from gdl_core.errors import DataError, UnknownNameError
from gdl_core.latent.fingerprint import fingerprint
from gdl_core.model_file import read_model, write_model
from gdl_core.noise import Noise
from gdl_core.specs import load_target
from gdl_core.training.build import build_model
from gdl_core.training.config import TrainingConfig
from gdl_core.training.loop import train
from gdl_core.values import Column, TrainedModel
from gdl_probe.augment import move
from gdl_probe.config import ProbeConfig
from gdl_probe.probe import Probe


def _lights(n: int = 240, side: int = 10) -> Dataset:
    """Noisy pictures whose left half is lit or not and whose colour is one of three, mostly the first."""
    rng = np.random.default_rng(0)
    left = rng.integers(0, 2, n)
    colour = rng.choice(3, n, p=[0.6, 0.2, 0.2])
    data = rng.integers(0, 60, (n, 3, side, side))
    data[:, :, :, : side // 2] += (left * 90)[:, None, None, None]
    data[np.arange(n), colour] += 90
    columns = {
        "left.lit": Column(left.astype(np.int64), ("no", "yes")),
        "colour": Column(colour.astype(np.int64), ("red", "green", "blue")),
        "brightness": Column(rng.random(n)),
    }
    return Dataset("lights", data.astype(np.uint8), columns, np.arange(60), "1")


def _fit(dataset: Dataset, folder: Path, **config: object) -> tuple[Probe, dict[str, float]]:
    settings = Probe.fit_config(ProbeConfig.model_validate({"width": 8, **config}), dataset)
    model = build_model(Probe, settings, dataset.shape, Noise(0))
    trained = train(model, dataset, TrainingConfig(duration="20 epochs", batch=30), folder, Noise(1))
    return model, dict(zip(trained.history.header, trained.history.rows[-1], strict=True))  # type: ignore[arg-type]


def test_several_columns_are_learned_at_once(tmp_path: Path) -> None:
    dataset = _lights()
    model, last = _fit(dataset, tmp_path)
    assert model.config.columns == ("left.lit", "colour")
    assert last["held_out_accuracy_left.lit"] > 0.9
    assert last["held_out_accuracy_colour"] > 0.8
    assert last["held_out_accuracy"] > last["held_out_majority"] + 0.2
    majority = [np.mean(dataset.columns[name].values[dataset.held_out] == code) for name, code in _commonest(model)]
    assert last["held_out_majority"] == pytest.approx(np.mean(majority))
    with torch.no_grad():
        told = model.classify(dataset.tensor(dataset.held_out))
    assert {name: tuple(value.shape) for name, value in told.items()} == {"left.lit": (60, 2), "colour": (60, 3)}
    assert all(torch.allclose(value.sum(1), torch.ones(60)) for value in told.values())


def test_a_file_keeps_the_order_of_columns_and_categories(tmp_path: Path) -> None:
    dataset = _lights()
    settings = Probe.fit_config(ProbeConfig(width=8), dataset)
    model = build_model(Probe, settings, dataset.shape, Noise(0)).eval()
    config = settings.model_dump(mode="json")
    told = TrainedModel(model, "probe/probe", "1", config, tuple(dataset.shape), 8, fingerprint(model, config))
    write_model(told, tmp_path / "probe.gdl")
    again = read_model(tmp_path / "probe.gdl").model
    assert list(settings.targets) == ["left.lit", "colour"], "in no alphabetical order"
    x = dataset.tensor(dataset.held_out[:8])
    with torch.no_grad():
        before, after = model.classify(x), again.classify(x)
    assert all(torch.equal(before[name], after[name]) for name in before)
    swapped = {**config, "targets": dict(reversed(config["targets"].items()))}
    other = Probe(ProbeConfig.model_validate(swapped), tuple(dataset.shape)).eval()
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        assert all(torch.equal(before[name], one) for name, one in other.classify(x).items()), "columns tell the order"


def _commonest(model: Probe) -> list[tuple[str, int]]:
    return [(name, target.commonest) for name, target in model.config.targets.items()]


def test_a_chosen_column_and_tiny_or_flat_samples(tmp_path: Path) -> None:
    model, last = _fit(_lights(side=4), tmp_path, columns=("colour",))
    assert list(model.config.targets) == ["colour"]
    assert "accuracy_colour" not in last
    assert last["held_out_accuracy"] > 0.8


def test_what_cannot_be_classified_is_refused() -> None:
    dataset = _lights()
    with pytest.raises(UnknownNameError, match="did you mean 'colour'"):
        Probe.fit_config(ProbeConfig(columns=("color",)), dataset)
    with pytest.raises(DataError, match="holds numbers"):
        Probe.fit_config(ProbeConfig(columns=("brightness",)), dataset)
    with pytest.raises(DataError, match="nothing for a probe to learn"):
        Probe.fit_config(ProbeConfig(), Dataset("bare", dataset.data, {}, dataset.held_out, "2"))
    with pytest.raises(DataError, match="does not know its categories"):
        Probe(ProbeConfig(), (3, 10, 10))


def test_the_config_survives_being_written(tmp_path: Path) -> None:
    config = Probe.fit_config(ProbeConfig(), _lights())
    assert ProbeConfig.model_validate(config.model_dump(mode="json")) == config


def test_the_hook_tells_the_truth() -> None:
    (spec,) = gdl_probe.gdl_models()
    assert load_target(spec.target).roles() == set(spec.roles)
    assert load_target(spec.config) is ProbeConfig


def test_features_may_be_a_layer_of_their_own(tmp_path: Path) -> None:
    dataset = _lights()
    model, last = _fit(dataset, tmp_path, features=16)
    assert last["held_out_accuracy_left.lit"] > 0.9
    with torch.no_grad():
        x = dataset.tensor(dataset.held_out)
        features, told = model.features(x), model.classify(x)
    assert features.shape == (60, 16)
    assert bool((features >= 0).all())
    for name, head in zip(told, model.heads.values(), strict=True):
        assert torch.allclose(told[name], head(features).softmax(1))


def _rising(n: int = 3, height: int = 20, width: int = 30) -> torch.Tensor:
    """Pictures whose channels are the places of their pixels: down, and across, from the middle."""
    down = torch.arange(height) - (height - 1) / 2
    across = torch.arange(width) - (width - 1) / 2
    return torch.stack(torch.meshgrid(down, across, indexing="ij")).expand(n, 2, height, width).contiguous()


def test_pictures_are_moved_by_what_the_noise_says() -> None:
    x, noise = _rising(40), Noise(3)
    drawn = 2 * noise.uniform(40, (3,)) - 1
    shifted = move(x, noise, 0.1, 0.0)[:, :, 10, 15] - x[:, :, 10, 15]
    assert torch.allclose(shifted[:, 0], 0.1 * 20 * drawn[:, 1], atol=1e-4)
    assert torch.allclose(shifted[:, 1], 0.1 * 30 * drawn[:, 0], atol=1e-4)
    turned = move(x, noise, 0.0, 30.0)[:, :, 12, 18]
    angle = drawn[:, 2] * torch.pi / 6
    down, across = x[0, 0, 12, 18], x[0, 1, 12, 18]
    assert torch.allclose(turned[:, 0], angle.sin() * across + angle.cos() * down, atol=1e-3)
    assert torch.allclose(turned[:, 1], angle.cos() * across - angle.sin() * down, atol=1e-3)
    assert torch.allclose(move(x, noise, 0.0, 0.0), x, atol=1e-3)
    assert torch.equal(move(x[7:9], noise.at(7), 0.2, 20.0), move(x, noise, 0.2, 20.0)[7:9])


def test_held_out_pictures_stay_where_they_are() -> None:
    dataset = _lights()
    config = Probe.fit_config(ProbeConfig(shift=0.3, rotate=90, dropout=0), dataset)
    model = build_model(Probe, config, dataset.shape, Noise(0)).eval()
    still = build_model(Probe, config.model_copy(update={"shift": 0.0, "rotate": 0.0}), dataset.shape, Noise(0)).eval()
    rows = np.arange(30)
    batch = Batch(dataset.tensor(rows), Noise(4), columns=dataset.targets(rows), training=False)
    told = [dict(one.players()[0].loss(batch)) for one in (model, still)]
    assert torch.equal(told[0]["loss"], told[1]["loss"])
    moved = [dict(one.players()[0].loss(replace(batch, training=True))) for one in (model, still)]
    assert moved[0]["loss"] != moved[1]["loss"]
    assert torch.equal(moved[1]["loss"], told[1]["loss"])
    with pytest.raises(DataError, match="shift and rotate need pictures"):
        Probe(config, (5,))
