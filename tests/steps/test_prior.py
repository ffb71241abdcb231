"""Points of a prior, and the verbs of models that decode but do not encode."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from steps.doing import check, do
from steps.models import context, dataset, trained

from gdl_core.steps.arguments import Promise
from gdl_core.values import Images

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
