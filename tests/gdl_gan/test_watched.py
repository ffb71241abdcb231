"""Games that go wrong in every way that is watched for, and games that go well: of those nothing is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from gan_games import build, play, ring
from torch import Tensor

from gdl_core.contracts import Batch, Losses
from gdl_core.errors import TrainingError
from gdl_core.noise import Noise
from gdl_core.training.build import build_model
from gdl_core.training.config import TrainingConfig
from gdl_core.training.loop import train
from gdl_gan.config import GANConfig
from gdl_gan.gan import GAN


class Deaf(GAN):
    """A generator that does not hear its noise."""

    def decode(self, z: Tensor) -> Tensor:
        return super().decode(0 * z)


class Chooser(GAN):
    """A generator that hears no more of its noise than a sign, and so makes two samples that may lie far apart."""

    def decode(self, z: Tensor) -> Tensor:
        return super().decode(z[:, :1].sign().expand_as(z))


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("mode collapse", {"model_class": Deaf}),
        ("mode collapse", {"model_class": Chooser}),
        ("the samples scatter", {"lr": 1.0}),
        ("the critic's penalty explodes", {"lr": 1.0}),
        ("the critic is held flat", {"gamma": 1000, "lazy": 1}),
        ("the critic wins", {"lr": 1e-9, "critic_lr": 1e-2, "gamma": 0}),
        ("the critic cannot tell", {"critic_lr": 1e-9}),
        ("the critic wins", {"loss": "relativistic", "lr": 1e-9, "critic_lr": 1e-2, "gamma": 0}),
        ("the critic cannot tell", {"loss": "relativistic", "critic_lr": 1e-9}),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_provoked_is_told(kind: str, settings: dict[str, Any], seed: int, tmp_path: Path) -> None:
    data, told = ring(), []
    trained = play(build(data, seed=seed, **settings), data, tmp_path, 200, told.append)
    assert kind in {note.partition(" at step ")[0] for note in told}
    assert trained.notes == tuple(told)


@pytest.mark.parametrize("loss", ["bce", "hinge", "relativistic", "wgan", "wgan-gp"])
@pytest.mark.parametrize("seed", [0, 1])
def test_of_points_that_are_learned_nothing_is_told(loss: str, seed: int, tmp_path: Path) -> None:
    data = ring()
    assert play(build(data, loss=loss, seed=seed), data, tmp_path, 300).notes == ()


class Sick(GAN):
    """A generator whose loss is no number from some step on."""

    def _generator_loss(self, batch: Batch) -> Losses:
        parts = super()._generator_loss(batch)
        return {"loss": parts["loss"] * (float("nan") if batch.step > 60 else 1.0)}


def test_a_loss_that_is_no_number_names_the_player(tmp_path: Path) -> None:
    data = ring()
    with pytest.raises(TrainingError, match="generator"):
        play(build(data, Sick), data, tmp_path, 200)


@pytest.mark.parametrize(
    ("loss", "midway"), [("bce", ""), ("relativistic", ""), ("wgan", "midway_"), ("wgan-gp", "midway_")]
)
def test_both_accuracies_are_logged_of_every_loss(loss: str, midway: str, tmp_path: Path) -> None:
    data = ring()
    header = play(build(data, loss=loss), data, tmp_path, 150).history.header
    assert {f"critic_{midway}real_accuracy", f"critic_{midway}fake_accuracy"} <= set(header)


def test_a_collapse_can_stop_the_training(tmp_path: Path) -> None:
    data = ring()
    with pytest.raises(TrainingError, match="mode collapse at step"):
        play(build(data, Deaf), data, tmp_path, 200, collapse="stop")


@pytest.mark.slow
def test_of_digits_that_are_learned_nothing_is_told(tmp_path: Path) -> None:
    from gdl_core.registry import get_registry
    from gdl_core.steps.context import StepContext

    registry = get_registry()
    spec = registry.find("dataset", "digits")
    context = StepContext("data", Noise(7), tmp_path, tmp_path, registry)
    data = registry.load(spec, "target")(registry.load(spec, "config")(), context)
    model = build_model(GAN, GANConfig(width=16), data.shape, Noise(7))
    told = {"duration": "200 steps", "every": "20 steps", "batch": 64, "ema": 0.999, "precision": "fp32"}
    trained = train(model, data, TrainingConfig.model_validate({**told, "held_out": 64}), tmp_path, Noise(7))
    assert trained.notes == ()
    assert 0.6 < float(str(trained.history.column("diversity")[-1])) < 1.4
    assert 0.5 < float(str(trained.history.column("nearest")[-1])) < 1.5
