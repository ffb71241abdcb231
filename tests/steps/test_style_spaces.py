"""Steps in the spaces W and W+: `space` itself, `mix`, and every other step on a view."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from steps.doing import check, do
from steps.models import Dot, DotConfig, StyleDot, context, dataset, registry, trained
from torch import Tensor

from gdl_core import media
from gdl_core.arguments import Promise
from gdl_core.errors import DataError, InputError
from gdl_core.noise import Noise
from gdl_core.recipe.keep import keep, kept
from gdl_core.steps.inputs import model_names
from gdl_core.values import Images, Latents, TrainedModel, Vector

STYLED = Promise("style", "model", frozenset({"samples", "decodes", "styles"}))


def style() -> TrainedModel:
    return trained(StyleDot, name="dots/style-dot")


def view(folder: Path, **settings: Any) -> TrainedModel:
    found: TrainedModel = do("space", folder, model=style(), **settings)
    return found


def across(pixels: np.ndarray) -> np.ndarray:
    """Return the latent places (n, 2) of the dots in pictures."""
    x = np.moveaxis(pixels, -1, 1).astype(np.float32) / 255
    import torch

    found: np.ndarray = trained(Dot).model.encode(torch.from_numpy(x)).mean.numpy()
    return found


def test_a_view_samples_what_the_model_does_and_tamer(tmp_path: Path) -> None:
    def samples(model: TrainedModel, **more: Any) -> np.ndarray:
        pixels: np.ndarray = do("sample", tmp_path, context(tmp_path, "same"), model=model, n=40, **more).pixels
        return pixels

    whole = samples(style())
    assert np.array_equal(samples(view(tmp_path)), whole)
    assert np.array_equal(samples(view(tmp_path, which="w+")), whole)
    tame = samples(view(tmp_path, truncation=0.3))
    assert np.array_equal(samples(view(tmp_path), scale=0.3), tame)  # 'scale' is about the middle of the space
    mean, spread = (measure(across(tame), axis=0) for measure in (np.mean, np.std))
    assert np.abs(mean - [0.5, 0.0]).max() < 0.2
    assert (spread < 0.45 * across(whole).std(axis=0)).all()


def test_what_a_view_promises_it_keeps(tmp_path: Path) -> None:
    built, _ = check("space", tmp_path, model=STYLED, which="w+", truncation=0.7, layers=2)
    model = view(tmp_path, which="w+", truncation=0.7, layers=2)
    assert built.gives_roles(registry()) == model.model.roles() == {"samples", "decodes"}
    keep(model, tmp_path, {})
    again = kept("model", tmp_path, registry())
    assert again.space == model.space
    points = do("prior", tmp_path, context(tmp_path, "same"), model=model, n=5)
    assert np.array_equal(do("prior", tmp_path, context(tmp_path, "same"), model=again, n=5).mean, points.mean)
    with pytest.raises(ValidationError, match="one style for all layers"):
        check("space", tmp_path, model=STYLED, layers=2)
    with pytest.raises(ValidationError, match=r"needs a model that samples and has styles; .* but does not have"):
        check("space", tmp_path, model=trained())
    with pytest.raises(InputError, match="first 4 layers, but the generator has 3"):
        view(tmp_path, which="w+", layers=4)


@pytest.mark.parametrize("which", ["w", "w+"])
def test_every_verb_without_an_encoder_works_in_a_view(which: str, tmp_path: Path) -> None:
    model = view(tmp_path, which=which, truncation=0.7)
    points = do("prior", tmp_path, model=model, n=4)
    assert points.mean.shape == ((4, 3) if which == "w" else (4, 3, 3))
    for name in ("points.npz", "points.safetensors", "points.csv"):
        media.write(points, tmp_path / name, None, registry())
    decoded = do("decode", tmp_path, model=model, points="points.safetensors")
    assert np.array_equal(decoded.pixels, do("decode", tmp_path, model=model, points=points).pixels)
    film = do("morph", tmp_path, model=model, through=["points.npz"], frames=7, path="lerp")
    assert np.array_equal(film.pixels[::2], decoded.pixels)
    blended = do("blend", tmp_path, model=model, of=[points], weights=[[1.0], [0.5]])
    assert np.array_equal(blended.pixels[::2], decoded.pixels)
    walk = do("walk", tmp_path, model=model, frames=6)
    assert len(walk.pixels) == 6
    assert len(do("sheet", tmp_path, model=model, n=3).pixels) == 9


def test_a_sheet_of_a_view_shows_what_varies_most_around_the_mean(tmp_path: Path) -> None:
    sheet = do("sheet", tmp_path, model=view(tmp_path), n=3)
    places = across(sheet.pixels).reshape(3, 3, 2)
    assert np.abs(places[1, 1] - [0.5, 0.0]).max() < 0.1
    # The two directions of this model are one across and one up and down, of equal spread: the corners lie far apart.
    assert np.linalg.norm(places[0, 0] - places[2, 2]) > 2
    assert np.linalg.norm(places[0, 2] - places[2, 0]) > 2


def test_steps_that_need_an_encoder_say_so_of_a_view(tmp_path: Path) -> None:
    model = view(tmp_path)
    for step in ("sheet", "walk"):
        _, faults = check(step, tmp_path, model=model, data=dataset())
        assert faults == ["'data' needs a model that encodes, which this one does not; leave 'data' out"]
    for step, more in (("map", {"colour": "right"}), ("strays", {}), ("encode", {})):
        with pytest.raises(ValidationError, match="but does not encode"):
            check(step, tmp_path, model=model, data=dataset(), **more)


def test_views_of_one_model_are_told_apart_in_a_film(tmp_path: Path) -> None:
    models = [view(tmp_path), view(tmp_path, truncation=0.5)]
    points = do("prior", tmp_path, model=models[0], n=2)
    film = do("morph", tmp_path, model=models, through=[points], frames=3)
    assert film.rows == ("style-dot truncation 1", "style-dot truncation 0.5")
    names = ("style-dot space z", "style-dot space w, truncation 1", "style-dot space w+, truncation 0.5")
    assert tuple(model_names([style(), models[0], view(tmp_path, which="w+", truncation=0.5)])) == names


def cells(sheet: Images, rows: int, columns: int) -> np.ndarray:
    assert sheet.columns == columns + 1
    return across(sheet.pixels).reshape(rows + 1, columns + 1, 2)


@pytest.mark.parametrize(("layers", "axis"), [("coarse", 0), ("middle", 1), ([1, 1], 0), ([2, 3], 1)])
def test_mixing_takes_the_named_layers_from_the_top(layers: Any, axis: int, tmp_path: Path) -> None:
    surroundings = context(tmp_path, "mix")
    sheet = do("mix", tmp_path, surroundings, model=style(), rows=3, columns=4, layers=layers, truncation=0.6)
    places = cells(sheet, 3, 4)
    top, left, mixed = places[0, 1:], places[1:, 0], places[1:, 1:]
    assert np.abs(mixed[..., axis] - top[None, :, axis]).max() < 0.1
    assert np.abs(mixed[..., 1 - axis] - left[:, None, 1 - axis]).max() < 0.1
    assert (sheet.pixels[0] == 255).all()  # the corner is paper
    assert sheet.rows[1:] == ("the rest of",) * 3
    assert surroundings.notes[0].startswith("mix: layer")


def test_sources_of_a_mix_may_be_given(tmp_path: Path) -> None:
    points = do("prior", tmp_path, context(tmp_path, "same"), model=style(), n=5)
    drawn = do("mix", tmp_path, context(tmp_path, "same"), model=style(), rows=2, columns=3)
    given = do("mix", tmp_path, model=style(), rows=2, columns=3, **{"from": points})
    assert np.array_equal(given.pixels, drawn.pixels)
    plus = do("prior", tmp_path, context(tmp_path, "same"), model=view(tmp_path, which="w+"), n=5)
    assert np.array_equal(do("mix", tmp_path, model=style(), rows=2, columns=3, **{"from": plus}).pixels, drawn.pixels)
    with pytest.raises(DataError, match="2 rows and 4 columns need 6 points, 'from' has 5"):
        do("mix", tmp_path, model=style(), rows=2, columns=4, **{"from": points})
    with pytest.raises(DataError, match="neither of dots/style-dot"):
        do("mix", tmp_path, model=style(), rows=1, columns=1, **{"from": Latents(np.zeros((2, 7), np.float32))})


class EvenDot(StyleDot):
    """As many numbers in Z as in W: by their shapes points cannot be told apart."""

    def __init__(self, config: DotConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape = (3,)

    def prior(self, n: int, noise: Noise) -> Tensor:
        return noise.normal(n, (3,))


@pytest.mark.parametrize("suffix", ["", ".npz", ".safetensors"])
def test_points_and_directions_are_not_taken_for_those_of_another_space(suffix: str, tmp_path: Path) -> None:
    even = trained(EvenDot, name="dots/even-dot")
    in_w: TrainedModel = do("space", tmp_path, model=even)
    z, w = (do("prior", tmp_path, context(tmp_path, "same"), model=model, n=5) for model in (even, in_w))
    along = Vector(np.ones(3, np.float32), "more", space="w")
    if suffix:
        for name, value in (("z", z), ("w", w), ("along", along)):
            media.write(value, tmp_path / f"{name}{suffix}", None, registry())
        z, w, along = f"z{suffix}", f"w{suffix}", f"along{suffix}"  # type: ignore[assignment]
    for model, points, told in ((even, w, "w, but dots/even-dot is given with z"), (in_w, z, "z, but .* with w; take")):
        with pytest.raises(DataError, match=f"the points are of the space {told}"):
            do("decode", tmp_path, model=model, points=points)
        with pytest.raises(DataError, match=f"the points are of the space {told}"):
            do("morph", tmp_path, model=model, through=[points], frames=3)
    with pytest.raises(DataError, match=r"the direction 'more' is of the space w, .* take a view of it"):
        do("blend", tmp_path, model=even, of=[z, along], weights=[[1, 1]])
    with pytest.raises(DataError, match="the direction 'more' is of the space w"):
        do("ladder", tmp_path, model=even, vectors=[along])
    do("blend", tmp_path, model=in_w, of=[w, along], weights=[[1, 1]])
    drawn, given = (do("mix", tmp_path, model=even, rows=2, columns=3, **{"from": points}) for points in (z, w))
    assert np.array_equal(given.pixels, drawn.pixels), "points of W are styles already"


def test_mixes_that_cannot_be(tmp_path: Path) -> None:
    _, faults = check("mix", tmp_path, model=STYLED, layers=[3, 2])
    assert faults == ["'layers' should be [first, last], counted from 1, got [3, 2]"]
    assert check("mix", tmp_path, model=STYLED, layers=[0, 2])[1]
    with pytest.raises(InputError, match="layers 2 to 4 asked for, but dots/style-dot has 3"):
        do("mix", tmp_path, model=style(), layers=[2, 4])
    with pytest.raises(ValidationError, match="have styles"):
        check("mix", tmp_path, model=trained())
