"""Points of a prior, and the verbs of models that decode but do not encode."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch
from steps.doing import check, do
from steps.models import Dot, DotConfig, context, dataset, trained
from torch import Tensor

from gdl_core.arguments import Promise
from gdl_core.errors import InputError, UnknownNameError
from gdl_core.noise import Noise
from gdl_core.values import Images, TrainedModel

DECODER = Promise("gan", "model", frozenset({"samples", "decodes"}))


def test_points_are_those_that_samples_are_decoded_from(tmp_path: Path) -> None:
    points = do("prior", tmp_path, context(tmp_path, "same"), model=trained(), n=9)
    assert points.mean.shape == (9, 2)
    assert points.log_var is None
    decoded = do("decode", tmp_path, model=trained(), points=points)
    sampled = do("sample", tmp_path, context(tmp_path, "same"), model=trained(), n=9)
    assert np.array_equal(decoded.pixels, sampled.pixels)


def test_one_point_is_the_same_alone(tmp_path: Path) -> None:
    many = do("prior", tmp_path, model=trained(), n=30)
    alone = do("prior", tmp_path, model=trained(), n=2, start=17)
    assert np.array_equal(alone.mean, many.mean[17:19])


def test_scale_pulls_points_towards_the_middle(tmp_path: Path) -> None:
    whole = do("prior", tmp_path, model=trained(), n=8)
    half = do("prior", tmp_path, model=trained(), n=8, scale=0.5)
    assert np.array_equal(half.mean, whole.mean * np.float32(0.5))


@pytest.mark.parametrize("step", ["morph", "blend"])
def test_pictures_need_an_encoder_and_points_none(step: str, tmp_path: Path) -> None:
    rest = {"weights": [[1.0]]} if step == "blend" else {}
    name = "of" if step == "blend" else "through"
    for picture in (Promise("one", "image"), Images(dataset().pixels([0])), tmp_path / "a.PNG"):
        _, faults = check(step, tmp_path, model=DECODER, **{name: [picture]}, **rest)
        assert faults == [
            "pictures need a model that encodes, which this one does not; "
            "give it latent points (do: prior, or do: invert)"
        ]
    for point in (Promise("some", "latent"), tmp_path / "a.safetensors"):
        assert check(step, tmp_path, model=DECODER, **{name: [point]}, **rest)[1] == []
    assert check(step, tmp_path, model=trained(), **{name: [Images(dataset().pixels([0]))]}, **rest)[1] == []


def test_points_of_the_prior_are_stops_of_a_morph(tmp_path: Path) -> None:
    points = do("prior", tmp_path, model=trained(), n=3)
    film = do("morph", tmp_path, model=trained(), through=[points], frames=5, path="catmull-rom")
    stops = do("decode", tmp_path, model=trained(), points=points)
    assert np.array_equal(film.pixels[::2], stops.pixels)


class Sided(Dot):
    """A dot that can be asked to be on the left or on the right."""

    conditions = MappingProxyType({"right": ("no", "yes")})

    def prior(self, n: int, noise: Noise, **where: Any) -> Tensor:
        z = super().prior(n, noise)
        if where:
            z[:, 0] = z[:, 0].abs() * (1 if self.conditions["right"].index(str(where["right"])) else -1)
        return z

    def scaled(self, z: Tensor, scale: float) -> Tensor:
        return z * torch.tensor([1.0, scale])


def sided() -> TrainedModel:
    return replace(trained(), model=Sided(DotConfig(), (1, 16, 16)).eval())


@pytest.mark.parametrize(("wanted", "sign"), [("yes", 1), ("no", -1)])
def test_samples_are_asked_for_by_category(wanted: str, sign: int, tmp_path: Path) -> None:
    surroundings = context(tmp_path, "same")
    points = do("prior", tmp_path, surroundings, model=sided(), n=40, where={"right": wanted})
    assert (sign * points.mean[:, 0] > 0).all()
    decoded = do("decode", tmp_path, model=sided(), points=points)
    sampled = do("sample", tmp_path, context(tmp_path, "same"), model=sided(), n=40, where={"right": wanted})
    assert np.array_equal(decoded.pixels, sampled.pixels)
    alone = do("sample", tmp_path, context(tmp_path, "same"), model=sided(), n=1, start=21, where={"right": wanted})
    assert np.array_equal(alone.pixels[0], sampled.pixels[21])


def test_what_the_model_says_of_scaling_holds(tmp_path: Path) -> None:
    whole = do("prior", tmp_path, context(tmp_path, "same"), model=sided(), n=9, where={"right": "yes"})
    tame = do("prior", tmp_path, context(tmp_path, "same"), model=sided(), n=9, where={"right": "yes"}, scale=0.5)
    assert np.array_equal(tame.mean, whole.mean * np.float32([1.0, 0.5]))
    sampled = do("sample", tmp_path, context(tmp_path, "same"), model=sided(), n=9, where={"right": "yes"}, scale=0.5)
    assert np.array_equal(sampled.pixels, do("decode", tmp_path, model=sided(), points=tame).pixels)


@pytest.mark.parametrize("step", ["sample", "prior"])
def test_a_wish_that_cannot_be_met_is_refused(step: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="not conditioned on 'rigth'; did you mean 'right'"):
        do(step, tmp_path, model=sided(), n=2, where={"rigth": "yes"})
    with pytest.raises(UnknownNameError, match=r"column 'right' has no 'maybe' \(its categories: no, yes\)"):
        do(step, tmp_path, model=sided(), n=2, where={"right": "maybe"})
    with pytest.raises(InputError, match="Dot was trained without labels"):
        do(step, tmp_path, model=trained(), n=2, where={"right": "yes"})
