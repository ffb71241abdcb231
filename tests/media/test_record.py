"""The record travels with the file, says nothing of the machine, and notices a changed pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from media.values import FORMATS, RECORD, some
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from gdl_core import media
from gdl_core.media.record import from_text, from_xmp, sidecar, to_text, to_xmp
from gdl_core.values import Frames, Images, Latents, Table, Text, Vector

_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
_records = st.dictionaries(st.text(st.characters(exclude_categories=("Cs",)), max_size=6), _json, max_size=4)


@given(_records)
def test_text_carries_any_record(record: dict[str, Any]) -> None:
    assert from_text(to_text(record)) == record


@given(_records)
@example({"\ufffe": "\uffff \ufffd \x7f \x85 \u2028"})
def test_xmp_carries_any_record(record: dict[str, Any]) -> None:
    assert from_xmp(to_xmp(record)) == record


@pytest.mark.parametrize("text", ["", "{", "[1]", "7", "null", "GIF made with a program", "[" * 100_000, b"\xff\xfe"])
def test_other_comments_are_no_records(text: str | bytes) -> None:
    assert from_text(text) is None


@pytest.mark.parametrize(
    "packet", [b"", b"<x", b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x/>"]
)
def test_other_xmp_is_no_record(packet: bytes) -> None:
    assert from_xmp(packet) is None


VALUES: list[tuple[Any, str]] = [
    *((Images(some(5)), f"a.{suffix}") for suffix in ("png", "webp", "gif", "jpg", "npz", "safetensors")),
    *((Images(some(1)), f"a.{suffix}") for suffix in ("png", "webp", "gif", "jpg")),
    *((Frames(some(5)), f"a.{suffix}") for suffix in ("png", "webp", "gif")),
    *((Latents(np.eye(3, dtype=np.float32)), f"a.{suffix}") for suffix in ("npz", "safetensors", "csv", "json")),
    (Vector(np.ones(3, np.float32), "v"), "a.npz"),
    (Text(("a\nb", "")), "a.txt"),
    *((Table(("a",), ((0.1,),)), f"a.{suffix}") for suffix in ("csv", "json", "md")),
]


@pytest.mark.parametrize(("value", "name"), VALUES)
def test_every_format_carries_the_record_and_vouches_for_the_content(value: Any, name: str, tmp_path: Path) -> None:
    files = media.write(value, tmp_path / name, RECORD, FORMATS)
    record = media.read_record(tmp_path / name, FORMATS)
    assert record is not None
    assert {key: record[key] for key in RECORD} == RECORD
    assert media.verify(tmp_path / name, FORMATS) is True
    assert set(tmp_path.iterdir()) == set(files)


@pytest.mark.parametrize(("value", "name"), VALUES)
def test_without_a_record_there_is_none(value: Any, name: str, tmp_path: Path) -> None:
    assert media.write(value, tmp_path / name, None, FORMATS) == [tmp_path / name]
    assert media.read_record(tmp_path / name, FORMATS) is None
    assert media.verify(tmp_path / name, FORMATS) is None


def test_a_changed_pixel_is_noticed(tmp_path: Path) -> None:
    media.write(Images(some(1)), tmp_path / "a.png", RECORD, FORMATS)
    with Image.open(tmp_path / "a.png") as image:
        info, changed = PngInfo(), image.copy()
        info.add_itxt("gdl", image.info["gdl"])
    colour = changed.getpixel((0, 0))
    assert isinstance(colour, tuple)
    changed.putpixel((0, 0), (colour[0] ^ 1, *colour[1:]))
    changed.save(tmp_path / "a.png", pnginfo=info)
    assert media.read_record(tmp_path / "a.png", FORMATS) is not None
    assert media.verify(tmp_path / "a.png", FORMATS) is False


def test_a_changed_number_is_noticed(tmp_path: Path) -> None:
    media.write(Table(("a",), ((0.5,),)), tmp_path / "a.csv", RECORD, FORMATS)
    (tmp_path / "a.csv").write_text("a\n0.75\n")
    assert media.verify(tmp_path / "a.csv", FORMATS) is False


def test_long_records_go_beside_what_cannot_hold_them(tmp_path: Path) -> None:
    long = {"recipe": "x" * 70_000}
    files = media.write(Images(some(1)), tmp_path / "a.jpg", long, FORMATS)
    assert files == [tmp_path / "a.jpg", sidecar(tmp_path / "a.jpg")]
    record = media.read_record(tmp_path / "a.jpg", FORMATS)
    assert record is not None
    assert record["recipe"] == long["recipe"]


def test_a_film_keeps_its_record_without_ffmpeg(tmp_path: Path) -> None:
    pytest.importorskip("imageio_ffmpeg")
    media.write(Frames(some(3)), tmp_path / "a.mp4", RECORD, FORMATS)
    record = media.read_record(tmp_path / "a.mp4", FORMATS)
    assert record is not None
    assert {key: record[key] for key in RECORD} == RECORD
    assert record["content"].startswith("sha256:")
    assert media.verify(tmp_path / "a.mp4", FORMATS) is True
    media.write(Frames(some(3)), tmp_path / "b.mp4", None, FORMATS)
    assert media.read_record(tmp_path / "b.mp4", FORMATS) is None


def test_the_machine_is_not_in_the_file(tmp_path: Path) -> None:
    for name in ("a.png", "a.webp", "a.gif", "a.npz", "a.mp4"):
        if name != "a.mp4" or media.extras.has_extra("video"):
            media.write(Frames(some(3)), tmp_path / name, RECORD, FORMATS)
            assert str(tmp_path).encode() not in (tmp_path / name).read_bytes()
