"""Steps that give pictures: sample, encode and decode, pick, reconstruct, blend, sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from steps.doing import check, do
from steps.models import LineVAE, context, dataset, registry, trained

from gdl_core import media
from gdl_core.errors import DataError, MediaError, UnknownNameError
from gdl_core.latent.planes import sheet_places
from gdl_core.latent.tiles import decode_rows, to_pixels
from gdl_core.values import Column, Images, Latents, Vector


def test_sample_5_alone_is_sample_5_of_64(tmp_path: Path) -> None:
    model = trained(LineVAE, name="dots/line-vae")
    whole = do("sample", tmp_path, model=model, n=64)
    alone = do("sample", tmp_path, model=model, n=1, start=5)
    assert whole.pixels.shape == (64, 16, 16, 1)
    assert np.array_equal(alone.pixels[0], whole.pixels[5])


def test_scaled_samples_too_and_scale_0_is_the_middle(tmp_path: Path) -> None:
    model = trained()
    whole = do("sample", tmp_path, model=model, n=40, scale=0.5).pixels
    assert np.array_equal(do("sample", tmp_path, model=model, n=3, start=30, scale=0.5).pixels, whole[30:33])
    middle = do("sample", tmp_path, model=model, n=2, scale=0).pixels
    assert np.array_equal(middle[0], to_pixels(decode_rows(model, np.zeros((1, 2), np.float32)))[0])


def test_another_seed_gives_other_samples(tmp_path: Path) -> None:
    first, second = (do("sample", tmp_path, context(tmp_path, "s", seed), model=trained(), n=4) for seed in (1, 2))
    assert not np.array_equal(first.pixels, second.pixels)


def test_encode_keeps_the_labels_of_the_side_that_was_asked_for(tmp_path: Path) -> None:
    data = dataset()
    codes = do("encode", tmp_path, model=trained(), data=data, held_out=True)
    assert codes.mean.shape == (60, 2)
    assert codes.log_var.shape == (60, 2)
    assert np.array_equal(codes.columns["corner"].values, data.columns["corner"].values[data.held_out])
    assert np.abs(codes.mean[:, 0] - data.columns["x"].values[data.held_out]).max() < 0.1
    assert len(do("encode", tmp_path, model=trained(), data=data).mean) == 240


def test_decode_gives_back_what_was_encoded(tmp_path: Path) -> None:
    data = dataset()
    codes = do("encode", tmp_path, model=trained(), data=data)
    back = do("decode", tmp_path, model=trained(), points=codes)
    assert np.abs(back.pixels.astype(int) - data.pixels(np.arange(240)).astype(int)).mean() < 2
    media.write(codes, tmp_path / "codes.npz", None, registry())
    assert np.array_equal(do("decode", tmp_path, model=trained(), points="codes.npz").pixels, back.pixels)


def test_latents_of_another_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"shape \(5,\) do not fit"):
        do("decode", tmp_path, model=trained(), points=Latents(np.zeros((3, 5), np.float32)))
    media.write(Images(dataset().pixels([0])), tmp_path / "a.png", None, registry())
    with pytest.raises(MediaError, match=r"a\.png holds an image, but a latent is needed"):
        do("decode", tmp_path, model=trained(), points="a.png")


def test_pick_gives_held_out_samples_that_say_what_was_asked(tmp_path: Path) -> None:
    data = dataset()
    picked = do("pick", tmp_path, data=data, where={"corner": "b", "right": True}, n=5, show="corner")
    assert picked.captions == ("b",) * 5
    held_out = {data.pixels([row]).tobytes() for row in data.where(held_out=True, corner="b")}
    assert {picture.tobytes() for picture in picked.pixels} <= held_out
    assert np.array_equal(do("pick", tmp_path, data=data, where={"corner": "b"}, n=5).pixels, picked.pixels)
    with pytest.raises(DataError, match="ask for fewer"):
        do("pick", tmp_path, data=data, n=1000)
    with pytest.raises(UnknownNameError, match="did you mean 'corner'"):
        do("pick", tmp_path, data=data, where={"conrer": "b"})


def test_reconstructions_stand_below_their_originals(tmp_path: Path) -> None:
    sheet = do("reconstruct", tmp_path, model=[trained(), trained(shift=0.5)], data=dataset(), n=5)
    assert sheet.columns == 5
    assert sheet.rows == ("original", "dot shift 0", "dot shift 0.5")
    original, first, second = sheet.pixels.reshape(3, 5, 16, 16, 1).astype(int)
    assert np.abs(original - first).mean() < 2
    assert np.array_equal(first, second)  # a shift of the latent space does not show


def test_a_picture_of_another_size_and_colour_is_fitted(tmp_path: Path) -> None:
    picture = dataset().pixels([3])
    colour = picture.repeat(3, axis=-1).repeat(5, axis=1).repeat(5, axis=2)
    media.write(Images(colour), tmp_path / "a.png", None, registry())
    sheet = do("reconstruct", tmp_path, model=trained(), data="a.png")
    assert np.array_equal(sheet.pixels[0], picture[0])
    wide = np.pad(colour, [(0, 0), (0, 0), (11, 11), (0, 0)])
    assert np.array_equal(do("reconstruct", tmp_path, model=trained(), data=Images(wide)).pixels[0], picture[0])


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("given", [1, 3, 4])
def test_every_model_takes_every_picture(channels: int, given: int, tmp_path: Path) -> None:
    picture = np.full((1, 16, 16, given), 255, np.uint8)
    sheet = do("reconstruct", tmp_path, model=trained(channels=channels), data=Images(picture))
    assert sheet.pixels.shape == (2, 16, 16, channels)
    assert (sheet.pixels[0] == 255).all()


def test_blending_is_arithmetic(tmp_path: Path) -> None:
    model = trained()
    person = do("decode", tmp_path, model=model, points=Latents(np.array([[0.5, -0.5]], np.float32)))
    right = Vector(np.array([1.0, 0.0], np.float32), "right")
    blended = do("blend", tmp_path, model=model, of=[person, right], weights=[[1, 0], [1, 1], [1, -1], [2, 0]])
    codes = do("encode", tmp_path, model=model, data=blended).mean
    assert np.abs(codes - [[0.5, -0.5], [1.5, -0.5], [-0.5, -0.5], [1, -1]]).max() < 0.15


def test_blending_several_people_gives_a_row_to_each(tmp_path: Path) -> None:
    model, people = trained(), Images(dataset().pixels([0, 1, 2]))
    media.write(Vector(np.ones(2, np.float32), "v"), tmp_path / "v.npz", None, registry())
    sheet = do("blend", tmp_path, model=model, of=[people, "v.npz"], weights=[[1, 0], [1, 1]])
    assert sheet.columns == 2
    assert len(sheet.pixels) == 6
    alone = do("blend", tmp_path, model=model, of=[Images(people.pixels[1:2]), "v.npz"], weights=[[1, 0], [1, 1]])
    assert np.array_equal(sheet.pixels[2:4], alone.pixels)
    with pytest.raises(DataError, match="2, 3 samples"):
        do("blend", tmp_path, model=model, of=[Images(people.pixels[:2]), people], weights=[[1, 1]])


def test_blend_wants_a_weight_for_each_term(tmp_path: Path) -> None:
    picture = Images(dataset().pixels([0]))
    _, faults = check("blend", tmp_path, model=trained(), of=[picture, picture], weights=[[1, 0], [1]])
    assert faults == ["weights[1] has 1 numbers for 2 terms"]


def test_the_sheet_goes_up_and_to_the_right(tmp_path: Path) -> None:
    model = trained()
    sheet = do("sheet", tmp_path, model=model, n=5)
    codes = do("encode", tmp_path, model=model, data=sheet).mean.reshape(5, 5, 2)
    assert sheet.columns == 5
    assert np.abs(codes - sheet_places(5).reshape(5, 5, 2)).max() < 0.1
    assert (np.diff(codes[..., 0], axis=1) > 0).all()
    assert (np.diff(codes[..., 1], axis=0) < 0).all()
    wider = do("encode", tmp_path, model=model, data=do("sheet", tmp_path, model=model, n=3, span=1.5)).mean
    plain = do("encode", tmp_path, model=model, data=do("sheet", tmp_path, model=model, n=3)).mean
    assert np.abs(wider - 1.5 * plain).max() < 0.1


def test_a_model_that_cannot_encode_is_refused_before_any_work(tmp_path: Path) -> None:
    from steps.models import Judge

    for step, arguments in (
        ("morph", {"through": []}),
        ("sample", {}),
        ("reconstruct", {"data": dataset()}),
        ("sheet", {}),
    ):
        with pytest.raises(ValidationError, match="needs a model that"):
            check(step, tmp_path, model=trained(Judge, name="dots/judge"), **arguments)


def test_captions_of_numbers(tmp_path: Path) -> None:
    data = dataset()
    assert isinstance(data.columns["x"], Column)
    captions = do("pick", tmp_path, data=data, n=2, show="x").captions
    assert all(abs(float(caption)) <= 2 for caption in captions)


def test_a_small_set_shows_what_it_has(tmp_path: Path) -> None:
    few = len(dataset().held_out)
    sheet = do("reconstruct", tmp_path, model=trained(), data=dataset(), n=few + 3)
    assert sheet.columns == few
