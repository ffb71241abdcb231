"""Steps that give films: morph and walk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from steps.doing import do
from steps.models import context, dataset, registry, trained

from gdl_core import media
from gdl_core.errors import InputError
from gdl_core.values import Images, Latents


@pytest.mark.parametrize("path", ["lerp", "slerp"])
def test_a_morph_begins_and_ends_with_the_reconstructions(path: str, tmp_path: Path) -> None:
    people = Images(dataset().pixels([0, 1, 2]))
    film = do("morph", tmp_path, model=trained(), through=[people], frames=9, path=path)
    sheet = do("reconstruct", tmp_path, model=trained(), data=people).pixels[3:]
    assert film.pixels.shape == (9, 16, 16, 1)
    for frame, stop in ((0, 0), (4, 1), (8, 2)):
        assert np.array_equal(film.pixels[frame], sheet[stop])
    assert (film.fps, film.loop, film.rows) == (24, False, ())


def test_a_loop_ends_one_frame_before_it_began(tmp_path: Path) -> None:
    people = Images(dataset().pixels([0, 1]))
    loop = do("morph", tmp_path, model=trained(), through=people, frames=8, path="lerp", loop=True).pixels
    there = do("morph", tmp_path, model=trained(), through=people, frames=5, path="lerp").pixels
    assert np.array_equal(loop[:5], there)
    assert np.array_equal(loop[5:], there[3:0:-1])


def test_files_pictures_and_latents_are_all_stops(tmp_path: Path) -> None:
    pixels = dataset().pixels([0, 1])
    media.write(Images(pixels[:1]), tmp_path / "a.png", None, registry())
    codes = do("encode", tmp_path, model=trained(), data=Images(pixels[1:]))
    media.write(codes, tmp_path / "b.safetensors", None, registry())
    mixed = do("morph", tmp_path, model=trained(), through=["a.png", "b.safetensors"], frames=4)
    assert np.array_equal(mixed.pixels, do("morph", tmp_path, model=trained(), through=Images(pixels), frames=4).pixels)


def test_several_models_are_stacked_and_named(tmp_path: Path) -> None:
    people = Images(dataset().pixels([0, 1]))
    models = [trained(), trained(shift=1.0)]
    film = do("morph", tmp_path, model=models, through=people, frames=4)
    assert film.pixels.shape == (4, 32, 16, 1)
    assert film.rows == ("dot shift 0", "dot shift 1")
    alone = do("morph", tmp_path, model=models[1], through=people, frames=4)
    assert np.array_equal(film.pixels[:, 16:], alone.pixels)


def test_one_picture_is_no_morph(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two or more"):
        do("morph", tmp_path, model=trained(), through=Images(dataset().pixels([0])))


@pytest.mark.parametrize("path", ["circle", "line", "lissajous"])
def test_a_walk_is_the_path_decoded_and_moves_evenly(path: str, tmp_path: Path) -> None:
    film = do("walk", tmp_path, model=trained(), path=path, radius=1.5, frames=32, inset=False)
    codes = do("encode", tmp_path, model=trained(), data=Images(film.pixels)).mean
    assert film.loop
    assert np.abs(codes).max() < 1.6
    steps = np.linalg.norm(np.diff(np.concatenate([codes, codes[:1]]), axis=0), axis=1)
    assert steps.max() < 3 * steps.mean()
    if path == "circle":
        assert np.abs(np.linalg.norm(codes, axis=1) - 1.5).max() < 0.1


def test_the_same_walk_has_the_same_frames(tmp_path: Path) -> None:
    films = [do("walk", tmp_path, context(tmp_path, "w", seed), model=trained(), frames=6) for seed in (1, 2)]
    assert np.array_equal(films[0].pixels, films[1].pixels)
    assert films[0].pixels.shape == (6, 448, 448 + 12 + 448, 3)


def test_a_pointers_track_is_walked(tmp_path: Path) -> None:
    model = trained()
    film = do("walk", tmp_path, model=model, path="points", points=[[0, 0], [1, -1]], frames=3, inset=False)
    assert not film.loop
    ends = do("decode", tmp_path, model=model, points=Latents(np.array([[0, 0], [1, -1]], np.float32)))
    assert np.array_equal(film.pixels[[0, 2]], ends.pixels)
    with pytest.raises(InputError, match="two or more places"):
        do("walk", tmp_path, model=model, path="points")


def test_the_data_are_shown_in_the_inset(tmp_path: Path) -> None:
    plain = do("walk", tmp_path, model=trained(), frames=2)
    shown = do("walk", tmp_path, model=trained(), frames=2, data=dataset())
    assert np.array_equal(plain.pixels[:, :, :448], shown.pixels[:, :, :448])
    assert not np.array_equal(plain.pixels, shown.pixels)
