"""Contact sheets show every pixel enlarged by whole numbers, and never cut a name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media.values import pictures, some
from numpy.typing import NDArray

from gdl_core.media.film import big_frames, durations
from gdl_core.media.lettering import set_text, text_width
from gdl_core.media.raster import still, strip
from gdl_core.media.sheet import Grid, draw, enlarge, enlargement, flatten, nice_columns
from gdl_core.values import Frames, Images


def holds(canvas: NDArray[np.uint8], picture: NDArray[np.uint8]) -> bool:
    """Return whether a picture is somewhere in a canvas, pixel for pixel."""
    height, width = picture.shape[:2]
    corners = np.argwhere(
        (canvas[: canvas.shape[0] - height + 1, : canvas.shape[1] - width + 1] == picture[0, 0]).all(-1)
    )
    return any(np.array_equal(canvas[y : y + height, x : x + width], picture) for y, x in corners)


@given(pixels=pictures(n=st.integers(1, 7), sides=st.integers(2, 6)), named=st.booleans())
@settings(max_examples=15)
def test_every_picture_is_there_pixel_for_pixel(pixels: np.ndarray, named: bool) -> None:
    columns = nice_columns(len(pixels))
    down = -(-len(pixels) // columns)
    rows = [f"row {i}" for i in range(down)] if named else []
    canvas = draw([Grid(pixels, columns, rows=rows, gap=3)])
    shown = enlarge(flatten(pixels), enlargement(pixels.shape[2], pixels.shape[1], columns, down))
    high, wide = shown.shape[1:3]
    left = canvas.shape[1] - 12 - columns * (wide + 3) + 3
    assert left >= 12
    assert canvas.shape[0] == 24 + down * (high + 3) - 3
    for index, picture in enumerate(shown):
        y, x = 12 + index // columns * (high + 3), left + index % columns * (wide + 3)
        assert np.array_equal(canvas[y : y + high, x : x + wide], picture)


@pytest.mark.parametrize(("n", "columns"), [(1, 1), (2, 2), (3, 3), (4, 2), (7, 4), (8, 4), (10, 5), (12, 4), (64, 8)])
def test_columns_leave_few_holes(n: int, columns: int) -> None:
    assert nice_columns(n) == columns


@pytest.mark.parametrize(("side", "n"), [(28, 64), (28, 400), (64, 64), (32, 12), (16, 400)])
def test_sheets_are_pleasantly_wide(side: int, n: int) -> None:
    assert 560 <= draw([Grid(np.zeros((n, side, side, 1), np.uint8))]).shape[1] <= 1260


@pytest.mark.parametrize("name", ["autoencoder", "a very long name of a model with beta 0.25", "Größe", "мир"])
def test_names_are_never_cut(name: str) -> None:
    """The letters on a sheet stay off its edge; wider paper would show no more of them."""
    black = np.zeros((2, 28, 28, 1), np.uint8)
    for grid in (
        Grid(black, 2, rows=[name]),
        Grid(black, 2, heads=[name, name]),
        Grid(black, 2, captions=[name] * 2),
        Grid(black, 1, captions=[name] * 2),
        Grid(black, 2, title=name * 3),
    ):
        canvas = draw([grid], title=name * 4)[..., 0]
        edge = np.concatenate([canvas[:4].ravel(), canvas[-4:].ravel(), canvas[:, :4].ravel(), canvas[:, -4:].ravel()])
        assert (edge == 255).all()


def test_captions_do_not_run_into_one_another() -> None:
    word = "uninterrupted-caption-that-is-wide"
    canvas = draw([Grid(np.zeros((40, 28, 28, 1), np.uint8), 20, captions=[word] * 40)])
    assert canvas.shape[1] >= 20 * text_width(word, 14)


def test_letters_that_no_font_has_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gdl_core.media.lettering._wide_file", lambda: None)
    assert set_text("Käse 中", 16)[0] == "Kase ?"
    assert text_width("Käse", 16) == text_width("Kase", 16)


def test_alpha_is_laid_on_white() -> None:
    pixels = np.array([[[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 128]]]], np.uint8)
    assert flatten(pixels)[0, 0].tolist() == [[10, 20, 30], [255, 255, 255], [127, 127, 127]]


def test_one_picture_is_written_as_it_is() -> None:
    assert np.array_equal(still(Images(some(1, 5, 4))), some(1, 5, 4)[0])


def test_a_strip_shows_every_frame_in_order() -> None:
    film = Frames(some(20, 4, 1))
    canvas = strip(film)
    frames = enlarge(film.pixels, enlargement(4, 4, 16, 1))
    assert holds(canvas, frames[0])
    assert holds(canvas, frames[19])


def test_a_film_of_two_models_names_both() -> None:
    film = Frames(some(3, 8, 3), rows=("one", "two"))
    frames = big_frames(film)
    assert frames.shape[0] == 3
    factor = 512 // 8
    assert holds(frames[1], enlarge(film.pixels[1, :4], factor))
    assert holds(frames[1], enlarge(film.pixels[1, 4:], factor))
    assert strip(film).shape[-1] == 3


@given(count=st.integers(1, 500), fps=st.floats(1, 50), unit=st.sampled_from((100, 1000)))
def test_times_add_up_to_the_length_of_the_film(count: int, fps: float, unit: int) -> None:
    times = durations(count, fps, unit)
    assert len(times) == count
    assert sum(times) == pytest.approx(unit * count / fps, abs=1)
    assert max(times) - min(times) <= 1
