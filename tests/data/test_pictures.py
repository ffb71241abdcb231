"""Decoding one picture: upright, framed, on its background; and refusing what should not be decoded."""

from __future__ import annotations

import io
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from data import zoo
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gdl_core.data.pictures import Framing, is_grey, quiet, read_picture
from gdl_core.errors import DataError


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def test_every_good_kind_is_read(tmp_path: Path) -> None:
    for channels in (1, 3):
        for name in zoo.good(tmp_path / "zoo"):
            picture = read_picture(tmp_path / "zoo" / name, Framing(16, channels))
            assert picture.shape == (channels, 16, 16), name
            assert picture.dtype == np.uint8
            assert picture.std() > 5, name


def test_every_bad_one_is_refused_with_a_reason(tmp_path: Path) -> None:
    with quiet():
        for name in zoo.bad(tmp_path):
            with pytest.raises(DataError) as caught:
                read_picture(tmp_path / name, Framing(16, min_size=8))
            assert str(caught.value), name


def test_a_bomb_is_refused_by_its_header() -> None:
    tracemalloc.start()
    with quiet(), pytest.raises(DataError, match="megapixels"):
        read_picture(zoo.png_header(40_000, 40_000), Framing(16))
    with quiet(), pytest.raises(DataError, match="8000 x 6000"):
        read_picture(zoo.png_header(8_000, 6_000), Framing(16))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000


def halves(width: int, height: int) -> Image.Image:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", (width, height), zoo.RED)
    picture.paste(zoo.BLUE, (width // 2, 0, width, height))
    return picture


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_pictures_stand_upright(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = read_picture(encoded(halves(200, 160), kind, exif=exif), Framing(20))
    red = upright[0].astype(int) - upright[2]
    dark = {1: "left", 2: "right", 3: "right", 4: "left", 5: "top", 6: "top", 7: "bottom", 8: "bottom"}[orientation]
    sides = {"left": red[:, :8], "right": red[:, -8:], "top": red[:8], "bottom": red[-8:]}
    assert sides[dark].min() > 120


def test_crop_takes_the_middle_and_pad_adds_borders() -> None:
    wide = Image.new("RGB", (90, 30), "black")
    wide.paste("white", (30, 0, 60, 30))
    content = encoded(wide, "PNG")
    assert read_picture(content, Framing(30)).min() > 200
    padded = read_picture(content, Framing(30, fit="pad", background="#00ff00"))
    assert (padded[:, 0, 0] == (0, 255, 0)).all()
    assert (padded[:, 15, 15] == 255).all()
    assert (padded[:, 15, 1] == 0).all()


def test_a_window_is_cut_out_first() -> None:
    face = Image.new("RGB", (178, 218), "black")
    face.paste("white", (15, 35, 163, 183))
    # The resampling of an edge reaches a little beyond it.
    assert read_picture(encoded(face, "PNG"), Framing(32, window=148)).min() > 200
    assert read_picture(encoded(face, "PNG"), Framing(32, window=178)).min() == 0


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_pixels_show_the_background(mode: str) -> None:
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0)).convert(mode)
    assert (read_picture(encoded(clear, "PNG"), Framing(8, background="white")) == 255).all()
    half = Image.new("RGBA", (20, 20), (0, 0, 0, 128)).convert(mode)
    assert abs(int(read_picture(encoded(half, "PNG"), Framing(8, background="white"))[0, 4, 4]) - 127) <= 2


def test_palette_transparency() -> None:
    picture = Image.new("P", (20, 20), 0)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.paste(1, (0, 0, 20, 10))
    shown = read_picture(encoded(picture, "PNG", transparency=0), Framing(20, background="#00ff00"))
    assert shown[:, 2, 10].tolist() == [0, 0, 255]
    assert shown[:, 17, 10].tolist() == [0, 255, 0]


def test_the_first_frame_of_a_film() -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in (zoo.RED, zoo.BLUE)]
    film = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert abs(read_picture(film, Framing(8))[:, 4, 4].astype(int) - zoo.RED).max() < 8


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (np.full((9, 9), 32768, dtype=np.uint16), 128),
        (np.full((9, 9), 65535, dtype=np.int32), 255),
        (np.full((9, 9), 0.5, dtype=np.float32), 127),
        (np.full((9, 9), 200.0, dtype=np.float32), 200),
        (np.zeros((9, 9), dtype=np.float32), 0),
    ],
)
def test_deep_grey_is_scaled(levels: np.ndarray, expected: int) -> None:
    grey = read_picture(encoded(Image.fromarray(levels), "TIFF"), Framing(8, channels=1))
    assert (grey == expected).all()


def test_scaled_decoding_is_close_to_full_decoding() -> None:
    picture = zoo.photo(1024, 768, seed=3)
    small = read_picture(encoded(picture, "JPEG", quality=95), Framing(32))
    full = picture.crop((128, 0, 896, 768)).resize((32, 32), Image.Resampling.BICUBIC)
    assert abs(small.transpose(1, 2, 0).astype(int) - np.asarray(full)).mean() < 2.5


def test_grey_is_told_from_the_header() -> None:
    assert is_grey(encoded(zoo.photo().convert("L"), "JPEG"))
    assert not is_grey(encoded(zoo.photo(), "JPEG"))


@given(st.integers(1, 70), st.integers(1, 70), st.integers(8, 40), st.sampled_from(["crop", "pad"]))
@settings(max_examples=40)
def test_any_shape_becomes_the_square(width: int, height: int, size: int, fit: str) -> None:
    for kind in ("PNG", "JPEG"):
        flat = encoded(
            Image.new("RGB", (width, height), zoo.BLUE), kind, **({"quality": 100} if kind == "JPEG" else {})
        )
        picture = read_picture(flat, Framing(size, fit=fit, background="#1e1ec8"))  # type: ignore[arg-type]
        assert picture.shape == (3, size, size)
        assert abs(picture.astype(int) - np.reshape(zoo.BLUE, (3, 1, 1))).max() <= 4


SAMPLES = [encoded(zoo.photo(40, 30, seed=1), kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM")]


@given(
    st.sampled_from(SAMPLES), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=12), st.data()
)
@settings(max_examples=150)
def test_damage_is_either_read_or_refused(whole: bytes, changes: list[tuple[int, int]], data: st.DataObject) -> None:
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))] if data.draw(st.booleans()) else whole)
    for position, value in changes:
        if damaged:
            damaged[position % len(damaged)] = value
    with quiet(), suppress(DataError):
        assert read_picture(bytes(damaged), Framing(8)).shape == (3, 8, 8)
