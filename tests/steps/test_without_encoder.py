"""Verbs of models without an encoder: inversion, attribute vectors of samples that a probe labels, ladders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from steps.doing import check, do
from steps.models import Judge, Spot, StyleDot, context, dataset, registry, trained

from gdl_core import media
from gdl_core.arguments import Promise
from gdl_core.errors import CancelledError, DataError, InputError, UnknownNameError
from gdl_core.values import Images, Latents, TrainedModel

GAN = Promise("gan", "model", frozenset({"trains", "samples", "decodes"}))
VAE = Promise("vae", "model", frozenset({"trains", "samples", "encodes", "decodes"}))
JUDGE = Promise("judge", "model", frozenset({"trains", "classifies"}))
PICTURES = Promise("some", "image")
QUICK = {"steps": 60, "draws": 64}


def spot() -> TrainedModel:
    return trained(Spot, name="dots/spot")


def judge(**settings: Any) -> TrainedModel:
    return trained(Judge, name="dots/judge", **settings)


def test_points_are_found_and_tell_how_near_they_come(tmp_path: Path) -> None:
    data, surroundings = dataset(), context(tmp_path, "invert")
    rows = data.held_out[:5]
    codes = do("invert", tmp_path, surroundings, model=spot(), input=Images(data.pixels(rows)), **QUICK)
    assert np.abs(codes.mean[:, 0] - data.columns["x"].values[rows]).max() < 0.05
    assert codes.log_var is None
    residual, nearest, mean = (codes.columns[name].values for name in ("residual", "nearest_draw", "mean_picture"))
    assert (residual < 0.01).all()
    assert (residual < nearest).all()
    assert (nearest < mean).all()
    assert surroundings.notes[0].startswith("invert: 5 pictures, mean RMSE 0.0")
    media.write(Images(data.pixels(rows[2:3])), tmp_path / "one.png", None, registry())
    alone = do("invert", tmp_path, context(tmp_path, "invert"), model=spot(), input="one.png", **QUICK)
    assert np.array_equal(alone.mean[0], codes.mean[2])
    media.write(codes, tmp_path / "codes.csv", None, registry())
    assert media.read(tmp_path / "codes.csv", registry()).header == (
        "z1",
        "z2",
        "residual",
        "nearest_draw",
        "mean_picture",
    )


def test_points_are_found_in_the_space_of_styles_and_with_a_probe(tmp_path: Path) -> None:
    view = do("space", tmp_path, model=trained(StyleDot, name="dots/style-dot"), which="w+")
    picture = do("sample", tmp_path, model=view, n=1)
    found = do("invert", tmp_path, model=view, input=picture, features=judge(), **QUICK)
    assert found.mean.shape == (1, 3, 3)
    assert found.columns["residual"].values[0] < 0.02


def test_inversion_can_be_stopped_and_refuses_what_does_not_fit(tmp_path: Path) -> None:
    surroundings = context(tmp_path, "invert")
    surroundings.cancelled = lambda: True
    picture = Images(dataset().pixels([0]))
    with pytest.raises(CancelledError, match="stopped in step 'invert'"):
        do("invert", tmp_path, surroundings, model=spot(), input=picture, **QUICK)
    with pytest.raises(DataError, match="take a probe of the same set"):
        do("invert", tmp_path, model=spot(), input=picture, features=trained(Judge, channels=3), **QUICK)
    with pytest.raises(ValidationError, match="samples and decodes"):
        check("invert", tmp_path, model=judge(), input=picture)


def test_codes_stand_in_for_an_encoder_in_a_reconstruction(tmp_path: Path) -> None:
    pictures = Images(dataset().pixels([0, 4, 8]))
    codes = do("invert", tmp_path, model=spot(), input=pictures, **QUICK)
    sheet = do("reconstruct", tmp_path, model=[trained(), spot()], data=pictures, codes=codes)
    assert sheet.rows == ("original", "dot", "spot")
    assert np.array_equal(sheet.pixels[6:], do("decode", tmp_path, model=spot(), points=codes).pixels)
    assert np.abs(sheet.pixels[6:].astype(int) - pictures.pixels).mean() < 1
    other = trained(Spot, name="dots/spot", shift=0.5)
    moved = Latents(codes.mean - 0.5)
    both = do("reconstruct", tmp_path, model=[spot(), other], data=pictures, codes=[codes, moved])
    assert np.array_equal(both.pixels[3:6], sheet.pixels[6:])
    assert np.abs(both.pixels[6:].astype(int) - sheet.pixels[6:]).max() <= 1
    with pytest.raises(DataError, match="3 codes for 2 samples; give the pictures that were inverted"):
        do("reconstruct", tmp_path, model=spot(), data=Images(pictures.pixels[:2]), codes=codes)


def test_reconstructions_that_cannot_be_are_told_before_any_work(tmp_path: Path) -> None:
    def faults(**arguments: Any) -> list[str]:
        return check("reconstruct", tmp_path, **{"data": PICTURES, **arguments})[1]

    codes = Promise("codes", "latent")
    assert faults(model=GAN) == ["this model does not encode; give its points of the pictures as 'codes' (do: invert)"]
    assert faults(model=GAN, codes=codes) == faults(model=[VAE, GAN], codes=codes) == faults(model=VAE) == []
    assert "one for each; there are 1 of them for 0 such models" in faults(model=VAE, codes=codes)[0]
    assert "there are 1 of them for 2 such models" in faults(model=[GAN, GAN], codes=codes)[0]
    assert "give the pictures that were inverted" in faults(model=GAN, codes=codes, data=dataset())[0]


def test_an_attribute_of_samples_that_a_probe_labels(tmp_path: Path) -> None:
    surroundings = context(tmp_path, "right")
    right = do("attribute", tmp_path, surroundings, model=spot(), probe=judge(), where="right", n=1000)
    assert right.direction[0] > 1.5
    assert abs(right.direction[1]) < 0.3
    assert right.name == "right"
    facts = right.facts
    assert facts["samples"] == 1000
    assert facts["sure"] == 0.9
    assert 100 < facts["with"] < 300  # sigmoid(3 x) is above 0.9 for x above 0.73
    assert 100 < facts["without"] < 300
    assert facts["split_half_cosine"] > 0.95
    assert "of 1000 samples, those that the probe is sure of" in surroundings.notes[0]
    generous = do("attribute", tmp_path, model=spot(), probe=judge(), where="right", n=1000, sure=0.5)
    assert generous.facts["with"] + generous.facts["without"] == 1000
    assert generous.facts["length"] < facts["length"]


def test_sample_5_is_labelled_as_it_is_among_fewer(tmp_path: Path) -> None:
    from gdl_core.latent.judged import judged_samples

    noise = context(tmp_path, "same").noise
    many, few = (judged_samples(spot(), judge(shift=0.1), n, noise) for n in (40, 20))
    assert np.array_equal(many.codes[:20], few.codes)
    assert np.array_equal(many.chances["corner"][:16], few.chances["corner"][:16])
    assert many.names["corner"] == ("a", "b", "c", "d")


def test_an_attribute_of_one_category_against_another(tmp_path: Path) -> None:
    arguments = {"model": spot(), "probe": judge(shift=0.1), "n": 1000, "sure": 0.7}
    across = do("attribute", tmp_path, where={"corner": "b"}, against="a", **arguments)
    assert across.name == "corner b"
    assert across.direction[0] > 1
    assert abs(across.direction[1]) < 0.3
    low = do("attribute", tmp_path, where="low", method="regression", hold=["right"], **arguments)
    assert low.direction[1] > 1
    view = do("space", tmp_path, model=trained(StyleDot, name="dots/style-dot"))
    in_w = do("attribute", tmp_path, **{**arguments, "model": view}, where="right")
    assert in_w.direction.shape == (3,)
    assert in_w.direction[0] > 1


def test_attributes_by_probe_that_cannot_be(tmp_path: Path) -> None:
    arguments = {"model": spot(), "probe": judge(shift=0.1), "n": 100}
    with pytest.raises(InputError, match=r"4 categories; say which, like where: \{corner: d\}"):
        do("attribute", tmp_path, where="corner", **arguments)
    with pytest.raises(UnknownNameError, match="the probe has no column 'rihgt'; did you mean 'right'"):
        do("attribute", tmp_path, where="rihgt", **arguments)
    with pytest.raises(UnknownNameError, match="column 'corner' has no 'e'; there are a, b, c, d"):
        do("attribute", tmp_path, where={"corner": "e"}, **arguments)
    with pytest.raises(DataError, match=r"of 100 samples the probe is sure \(1\) of 0 with 'corner a' and"):
        do("attribute", tmp_path, where={"corner": "a"}, sure=1.0, **arguments)
    with pytest.raises(InputError, match="take a probe of the same set"):
        do("attribute", tmp_path, **{**arguments, "probe": trained(Judge, channels=3)}, where="right")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"model": GAN}, "attribute needs labels: 'data' of a model that encodes, or 'probe'"),
        ({"model": GAN, "data": dataset()}, "'data' needs a model that encodes, which this one does not; give a"),
        ({"model": VAE, "data": dataset(), "probe": JUDGE}, "give 'data' or 'probe', not both"),
        ({"model": JUDGE, "probe": JUDGE}, "'probe' needs a model that samples and decodes"),
    ],
)  # fmt: skip
def test_labels_come_from_one_side(arguments: dict[str, Any], told: str, tmp_path: Path) -> None:
    _, faults = check("attribute", tmp_path, where="right", **arguments)
    assert len(faults) == 1
    assert faults[0].startswith(told)


def test_right_sources_of_labels_are_taken(tmp_path: Path) -> None:
    for arguments in (
        {"model": GAN, "probe": JUDGE},
        {"model": VAE, "probe": JUDGE},
        {"model": VAE, "data": dataset()},
    ):
        assert check("attribute", tmp_path, where="right", **arguments)[1] == []


def test_a_ladder_begins_from_the_model_s_own_samples(tmp_path: Path) -> None:
    right = do("attribute", tmp_path, model=spot(), probe=judge(), where="right", n=1000)
    surroundings = context(tmp_path, "ladder")
    arguments = {"vectors": right, "probe": judge(), "strengths": [-0.5, -0.25, 0, 0.25, 0.5]}
    figure = do("ladder", tmp_path, surroundings, model=spot(), n=2, judged=200, **arguments)
    named, random = ([row[3] for row in figure.data.rows if row[1] == direction] for direction in ("named", "random"))
    assert named == sorted(named)
    assert named[-1] - named[0] > 0.4
    assert random[2] == named[2]  # strength 0
    assert {row[5] for row in figure.data.rows} == {200}
    assert "rising at every step" in surroundings.notes[0]
    points = Latents(np.array([[-1, 0], [1, 0], [0, 1]], np.float32))
    figure = do("ladder", tmp_path, model=spot(), of=points, vectors=right, strengths=[0, 1], probe=judge())
    assert {row[5] for row in figure.data.rows} == {3}


def test_a_ladder_asks_for_the_category_that_a_vector_is_named_after(tmp_path: Path) -> None:
    probe = judge(shift=0.1)
    corner = do("attribute", tmp_path, model=spot(), probe=probe, where={"corner": "d"}, sure=0.7, n=1000)
    surroundings = context(tmp_path, "ladder")
    figure = do("ladder", tmp_path, surroundings, model=spot(), vectors=corner, probe=probe)
    assert figure.data.header == ("vector", "direction", "strength", "right", "low", "corner d", "n")
    answers = [row[5] for row in figure.data.rows if row[1] == "named"]
    assert answers == sorted(answers)
    assert answers[-1] > 0.7
    assert "ladder corner d: probe 0." in surroundings.notes[0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"model": GAN, "data": dataset()}, "'data' needs a model that encodes, which this one does not; leave it out"),
        ({"model": VAE, "data": dataset(), "of": Promise("p", "latent")}, "give 'data' or 'of', not both"),
        ({"model": Promise("m", "model", frozenset({"decodes"}))}, "ladder needs 'data' or 'of' to begin from"),
    ],
)  # fmt: skip
def test_ladders_begin_somewhere(arguments: dict[str, Any], told: str, tmp_path: Path) -> None:
    _, faults = check("ladder", tmp_path, vectors=Promise("v", "vector"), **arguments)
    assert len(faults) == 1
    assert faults[0].startswith(told)
