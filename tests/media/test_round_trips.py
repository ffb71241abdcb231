"""What is written is read back equal, where the format can."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from media.values import FORMATS, RECORD, one, pictures, some

from gdl_core import media
from gdl_core.errors import MediaError
from gdl_core.media.raster import alike
from gdl_core.media.sheet import enlarge, flatten
from gdl_core.values import Column, Figure, Frames, Images, Latents, Table, Vector


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def there_and_back(value: Any, name: str, record: Any = None) -> Any:
    with folder() as base:
        files = media.write(value, base / name, record, FORMATS)
        assert files[0] == base / name
        if record is not None:
            told = media.read_record(base / name, FORMATS)
            assert told is not None
            assert {key: told[key] for key in record} == record
            if "content" in told:
                assert media.verify(base / name, FORMATS)
        return media.read(base / name, FORMATS)


@pytest.mark.parametrize("suffix", ["png", "webp"])
@given(pixels=pictures(n=st.just(1)))
@settings(max_examples=30)
def test_one_picture_keeps_every_pixel(suffix: str, pixels: np.ndarray) -> None:
    back = there_and_back(Images(pixels), f"a.{suffix}", RECORD)
    assert isinstance(back, Images)
    assert np.array_equal(back.pixels, alike(list(pixels)) if suffix == "webp" else pixels)  # WebP knows no grey


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
@given(pixels=pictures(), loop=st.booleans(), fps=st.floats(0.5, 120), names=st.lists(st.text(max_size=5), max_size=3))
@settings(max_examples=15)
def test_arrays_keep_everything(suffix: str, pixels: np.ndarray, loop: bool, fps: float, names: list[str]) -> None:
    images = Images(pixels, captions=tuple(names), columns=2, rows=tuple(names))
    back = there_and_back(images, f"a.{suffix}", RECORD)
    assert np.array_equal(back.pixels, pixels)
    assert (back.captions, back.columns, back.rows) == (images.captions, 2, images.rows)
    film = there_and_back(Frames(pixels, fps, loop, tuple(names)), f"b.{suffix}")
    assert np.array_equal(film.pixels, pixels)
    assert (film.fps, film.loop, film.rows) == (fps, loop, tuple(names))


_floats = arrays.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 4)), elements=st.floats(width=32))


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
@given(mean=_floats, name=st.text(max_size=8))
@settings(max_examples=15)
def test_latents_and_vectors_keep_every_bit(suffix: str, mean: np.ndarray, name: str) -> None:
    n = len(mean)
    columns = {name: Column(np.arange(n) % 2, ("no", "yes")), name + "/x": Column(np.linspace(0, 1, n))}
    back = there_and_back(Latents(mean, -mean, columns), f"a.{suffix}", RECORD)
    assert back.mean.tobytes() == mean.tobytes()
    assert back.log_var.tobytes() == (-mean).tobytes()
    assert list(back.columns) == list(columns)
    assert all(np.array_equal(back.columns[key].values, columns[key].values) for key in columns)
    assert back.columns[name].names == ("no", "yes")
    vector = there_and_back(Vector(mean, name, {"n": n, "ok": True, "none": None}), f"b.{suffix}", RECORD)
    assert vector.direction.tobytes() == mean.tobytes()
    assert (vector.name, dict(vector.facts)) == (name, {"n": n, "ok": True, "none": None})


@given(pixels=pictures(n=st.integers(2, 6), sides=st.integers(1, 6)), fps=st.sampled_from((1, 12, 24, 29.97, 50)))
@settings(max_examples=8)
def test_a_small_film_as_webp_keeps_every_pixel(pixels: np.ndarray, fps: float) -> None:
    back = there_and_back(Frames(pixels, fps), "a.webp", RECORD)
    seen = flatten(pixels)
    still = bool((seen == seen[:1]).all())  # nothing moves: it is stored as one picture
    frames = flatten(enlarge(pixels[:1] if still else pixels, 512 // max(pixels.shape[1:3])))
    assert np.array_equal(back.pixels, alike(list(frames)))
    if not still:
        assert back.fps == pytest.approx(fps, rel=0.02)


def test_a_film_as_gif_is_exact_in_256_colours_and_near_beyond() -> None:
    few = some(5, 6, 3) & 0xC0  # 64 colours
    back = there_and_back(Frames(few), "a.gif", RECORD)
    assert np.array_equal(back.pixels, enlarge(few, 85))
    assert back.fps == pytest.approx(24, rel=0.05)
    assert back.loop
    many = some(5, 16, 3)
    worst = np.abs(there_and_back(Frames(many), "b.gif", RECORD).pixels.astype(int) - enlarge(many, 32)).max()
    assert worst < 90  # 1,280 colours of noise in 256
    assert not there_and_back(Frames(few, loop=False), "c.gif").loop


def test_a_film_as_mp4_is_near_and_has_even_sides() -> None:
    pytest.importorskip("imageio_ffmpeg")
    smooth = np.linspace(40, 200, 6 * 7 * 7, dtype=np.uint8).reshape(6, 7, 7, 1).repeat(3, axis=-1)
    back = there_and_back(Frames(smooth, 12), "a.mp4", RECORD)
    big = enlarge(smooth, 73)  # 511, made even with one more row and column
    assert back.pixels.shape == (6, 512, 512, 3)
    assert back.fps == 12
    assert np.abs(back.pixels[:, :511, :511].astype(int) - big).mean() < 3


_cells = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text())


@given(rows=st.lists(st.tuples(_cells, _cells), max_size=5), title=st.text(max_size=5))
@settings(max_examples=30)
def test_json_keeps_every_cell(rows: list[tuple[Any, Any]], title: str) -> None:
    table = Table(("a", "b\n,"), tuple(rows), title)
    assert there_and_back(table, "a.json", RECORD) == table


_words = st.sampled_from(("", "x", "with, comma", 'a "quote"', "two\nlines", "é"))


@given(
    st.lists(
        st.tuples(st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False)), _words), min_size=1, max_size=5
    )
)
@settings(max_examples=30)
def test_csv_keeps_numbers_to_the_last_bit(rows: list[tuple[Any, str]]) -> None:
    table = Table(("number", "word"), tuple(rows))
    back = there_and_back(table, "a.csv", RECORD)
    assert back.header == table.header
    assert [row[0] for row in back.rows] == [row[0] for row in rows]
    assert [row[1] or "" for row in back.rows] == [row[1] for row in rows]


def test_numbers_that_are_not_finite_become_null_in_json() -> None:
    table = there_and_back(Table(("a",), ((float("nan"),), (float("inf"),))), "a.json", RECORD)
    assert table.rows == ((None,), (None,))


def test_a_figure_gives_its_picture_or_its_numbers() -> None:
    figure = Figure(some(1, 30)[0], Table(("x",), ((1,), (2.5,))))
    assert np.array_equal(there_and_back(figure, "a.png").pixels[0], figure.pixels)
    assert there_and_back(figure, "a.csv").rows == ((1,), (2.5,))


def test_latents_make_a_table() -> None:
    latents = Latents(np.array([[1, 2]], np.float32), None, {"label": Column(np.array([1]), ("no", "yes"))})
    table = there_and_back(latents, "a.csv")
    assert table.header == ("z1", "z2", "label")
    assert table.rows == ((1.0, 2.0, "yes"),)


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.gif", "a.jpg", "a.npz", "a.safetensors"])
def test_the_same_value_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    for place in ("one", "two"):
        media.write(Images(some(4)), tmp_path / place / name, RECORD, FORMATS)
    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize("name", ["a.webp", "a.gif", "a.png"])
def test_the_same_film_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    for place in ("one", "two"):
        media.write(Frames(some(4)), tmp_path / place / name, RECORD, FORMATS)
    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_one_file_for_each_picture(tmp_path: Path) -> None:
    files = media.write(Images(some(3), captions=("a", "b", "c")), tmp_path / "p-{i}.png", RECORD, FORMATS)
    assert [file.name for file in files] == ["p-0.png", "p-1.png", "p-2.png"]
    for index, file in enumerate(files):
        back = media.read(file, FORMATS)
        assert np.array_equal(back.pixels[0], some(3)[index])
        record = media.read_record(file, FORMATS)
        assert record is not None
        assert record["item"] == index


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "mp4", "csv", "json", "npz", "safetensors"])
def test_damaged_files_are_told_as_such(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"a.{suffix}"
    for content in (b"", b"\xff\xfe\x00nonsense" * 9):
        file.write_bytes(content)
        with pytest.raises(MediaError, match="a\\."):
            media.read(file, FORMATS)
    with pytest.raises(MediaError, match="no such file"):
        media.read(tmp_path / f"none.{suffix}", FORMATS)


def test_cut_off_pictures_are_told_as_such(tmp_path: Path) -> None:
    file = media.write(one(64), tmp_path / "a.png", None, FORMATS)[0]
    file.write_bytes(file.read_bytes()[:4000])
    with pytest.raises(MediaError, match="damaged"):
        media.read(file, FORMATS)


def test_pickles_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", mean=np.array([object()], dtype=object))
    with pytest.raises(MediaError, match="plain numbers"):
        media.read(tmp_path / "a.npz", FORMATS)


def test_another_programs_arrays_are_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", mean=np.zeros((3, 2)))
    back = media.read(tmp_path / "a.npz", FORMATS)
    assert isinstance(back, Latents)
    assert back.mean.dtype == np.float32
    np.savez(tmp_path / "b.npz", x=np.zeros(3))
    with pytest.raises(MediaError, match="expected mean, direction or pixels"):
        media.read(tmp_path / "b.npz", FORMATS)
