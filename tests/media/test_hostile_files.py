"""Files that a stranger made: reading them ends soon and in little memory, with a value or in words."""

from __future__ import annotations

import json
import struct
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media.values import FORMATS, RECORD, some
from PIL import Image

from gdl_core import media
from gdl_core.errors import GdlError, MediaError
from gdl_core.media import arrays, raster
from gdl_core.media.mp4 import read_record as read_mp4_record
from gdl_core.media.record import from_text, from_xmp, sidecar
from gdl_core.values import Frames, Images, Latents, Table, Text, Vector

SECONDS = 3.0
"""Of this process, for one file; far more than any takes, far less than what a bomb wants."""

MEGABYTES = 700
"""By which the most memory of this process may grow."""


def _most_memory() -> float:
    """The most memory that this process has had, in MiB; 0 where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


@pytest.fixture(autouse=True)
def _soon_and_small() -> Iterator[None]:
    began, before = time.process_time(), _most_memory()
    yield
    assert time.process_time() - began < 25
    assert _most_memory() - before < MEGABYTES


def ask(path: Path) -> None:
    """Do all that can be done with a file; anything but an answer in words is a failure."""
    for what in (media.read, media.read_record, media.verify):
        began = time.process_time()
        told = "a value"
        try:
            what(path, FORMATS)
        except GdlError as error:
            told = str(error)
        assert 0 < len(told) < 2000
        assert told.isprintable()
        assert time.process_time() - began < SECONDS


def refused(path: Path) -> None:
    """See a file refused, and its record too or none found."""
    with pytest.raises(MediaError):
        media.read(path, FORMATS)
    ask(path)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *more: bytes, data: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    body = data or zlib.compress(bytes(height * (width + 1)) if width * height < 10_000 else b"")
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def deflated(megabytes: int) -> bytes:
    """A stream that inflates to so many megabytes of spaces."""
    packer = zlib.compressobj(9)
    block = b" " * (1 << 20)
    return b"".join([packer.compress(block) for _ in range(megabytes)]) + packer.flush()


def test_a_record_that_inflates_to_gigabytes(tmp_path: Path) -> None:
    bomb = deflated(150)
    for name, head in ((b"iTXt", b"gdl\0\1\0\0\0"), (b"zTXt", b"gdl\0\0"), (b"iCCP", b"gdl\0\0")):
        path = tmp_path / f"{name.decode()}.png"
        path.write_bytes(png(2, 2, chunk(name, head + bomb)))
        ask(path)
    many = b"".join(chunk(b"zTXt", b"k%d\0\0" % i + deflated(1)[:-9]) for i in range(100))
    (tmp_path / "many.png").write_bytes(png(2, 2, many))
    ask(tmp_path / "many.png")


@pytest.mark.parametrize("size", [(60_000, 60_000), (1 << 31, 1), (2**31 - 1, 2**31 - 1), (0, 0), (9_000, 9_000)])
def test_a_picture_that_claims_any_size(tmp_path: Path, size: tuple[int, int]) -> None:
    (tmp_path / "a.png").write_bytes(png(*size))
    refused(tmp_path / "a.png")


def film(path: Path, frames: int, size: tuple[int, int], kind: str, times: list[int] | int = 100) -> Path:
    pictures = [Image.new("L", size, 255 * (index % 2)) for index in range(frames)]
    pictures[0].save(path, kind, save_all=True, append_images=pictures[1:], duration=times, optimize=False)
    return path


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_a_film_that_fills_the_memory_is_refused_before_it_is_decoded(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raster, "MAX_FILM", 24 * 40 * 40 - 1)
    path = film(tmp_path / f"a.{kind.lower()}", 24, (40, 40), kind)
    with pytest.raises(MediaError, match=r"too large \(24 × 40 × 40\)"):
        media.read(path, FORMATS)
    monkeypatch.undo()
    assert len(media.read(path, FORMATS).pixels) == 24


def test_a_frame_that_lasts_for_ever_is_not_repeated_for_ever(tmp_path: Path) -> None:
    path = film(tmp_path / "a.gif", 2, (100, 100), "GIF", [10, 655_350])
    with pytest.raises(MediaError, match="too large"):
        media.read(path, FORMATS)


def test_frames_larger_than_the_first_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raster, "MAX_FILM", 5000)
    path = film(tmp_path / "a.gif", 3, (60, 60), "GIF")
    grown = bytearray(path.read_bytes())
    grown[6:10] = struct.pack("<HH", 1, 1)  # the canvas
    path.write_bytes(grown)
    refused(path)


def test_what_runs_other_programs_is_not_opened_under_another_name(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\nshowpage\n%%EOF\n")
    with pytest.raises(MediaError, match="not a picture that can be read"):
        media.read(path, FORMATS)


def test_entities_in_a_packet_are_not_expanded() -> None:
    entities = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(9))
    text = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "lol">{entities}]><x>&e9;</x>'
    for coding in ("utf-8", "utf-16", "utf-16-be"):
        assert from_xmp(text.encode(coding)) is None
    assert from_xmp(b"<a>" * 200_000) is None
    assert from_xmp(b"\xff\xfe<\x00") is None


@pytest.mark.parametrize("deep", ["[" * 900 + "]" * 900, '{"a":' * 500 + "1" + "}" * 500])
def test_a_record_as_deep_as_a_well_is_no_record(deep: str) -> None:
    assert from_text(f'{{"gdl": 1, "recipe": "x", "step": {deep}}}') is None


def npz(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


def npy(shape: str, descr: str = "<f4", data: bytes = b"") -> bytes:
    head = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data


@pytest.mark.parametrize(
    "shape",
    ["(1000000000000,)", "(4000000000,)", "(99999999999999999999,)", "(-1,)", "(1000000, 1000000)", "(True,)", "7"],
)
def test_arrays_that_claim_any_size(tmp_path: Path, shape: str) -> None:
    refused(npz(tmp_path / "a.npz", mean=npy(shape, data=bytes(64))))


def test_an_archive_that_inflates_to_gigabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "MAX_BYTES", 1 << 20)
    npz(tmp_path / "a.npz", mean=npy("(1, 524288)", data=bytes(1 << 21)))
    with pytest.raises(MediaError, match="too large"):
        media.read(tmp_path / "a.npz", FORMATS)
    ask(tmp_path / "a.npz")


@pytest.mark.parametrize("descr", ["|O", "<U9", "<M8[s]", "<c8", "|V4", "<f2", "|b1"])
def test_arrays_of_other_things(tmp_path: Path, descr: str) -> None:
    for name in ("mean", "pixels", "direction", "gdl"):
        ask(npz(tmp_path / "a.npz", **{name: npy("(4,)", descr, bytes(144))}))


def tensors(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    text = json.dumps(header).encode() if not isinstance(header, bytes) else header
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


@pytest.mark.parametrize("dtype", ["F64", "F32", "F16", "BF16", "F8_E4M3", "I64", "U8", "BOOL", "C64", "X1", 7, None])
def test_tensors_of_any_type(tmp_path: Path, dtype: Any) -> None:
    for name in ("mean", "pixels"):
        size = {"F64": 8, "I64": 8, "C64": 8, "F32": 4, "F16": 2, "BF16": 2}.get(str(dtype), 1)
        header = {name: {"dtype": dtype, "shape": [1, 1, 1, 1], "data_offsets": [0, size]}}
        ask(tensors(tmp_path / "a.safetensors", header, bytes(size)))


@pytest.mark.parametrize("length", [1 << 60, 2**64 - 1, 1 << 31, 0, 1])
def test_headers_of_any_length(tmp_path: Path, length: int) -> None:
    refused(tensors(tmp_path / "a.safetensors", {}, length=length))


ODD: list[Any] = [
    None, True, -1, 0, 10**9, 10**30, 1e300, float("nan"), float("inf"), "", "x", "\x1b[31m\x07", "\u202e", "\ud800",
    [], [1], ["a"], [[]], [None], {}, {"a": 1}, [{"name": 1, "names": 2}], [{"name": "a", "names": ["b"] * 3}],
    "../../x", "x" * 5000, ["a"] * 5000,
]  # fmt: skip
KEYS = ["kind", "columns", "captions", "rows", "fps", "loop", "name", "facts", "record", "title", "header", "names"]


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(["latent", "vector", "image", "frames"]),
    st.dictionaries(st.sampled_from(KEYS), st.sampled_from(ODD)),
)
def test_headers_of_nonsense(tmp_path: Path, kind: str, odd: dict[str, Any]) -> None:
    made = {
        "mean": np.zeros((2, 3), np.float32), "direction": np.zeros(3, np.float32), "column_0": np.arange(2),
        "pixels": np.zeros((2, 4, 4, 3), np.uint8),
    }  # fmt: skip
    text = json.dumps({"kind": kind, **odd}).encode()
    path = tmp_path / "a.npz"
    np.savez(path, **made, gdl=np.frombuffer(text, np.uint8))  # type: ignore[arg-type]
    ask(path)
    value = None
    with suppress(GdlError):
        value = media.read(path, FORMATS)
    if value is not None:  # what is let in can be used
        used(value, tmp_path)


def used(value: Any, folder: Path) -> None:
    """Write a value as it might be saved by a step that was given it."""
    suffixes = {Images: (".png", ".npz"), Frames: (".gif", ".png"), Latents: (".csv", ".npz"), Vector: (".npz",)}
    for suffix in {**suffixes, Table: (".csv", ".json", ".md"), Text: (".txt",)}[type(value)]:
        with suppress(GdlError):
            media.write(value, folder / f"out{suffix}", RECORD, FORMATS)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(["title", "header", "rows", "record"]), st.sampled_from(ODD)))
def test_tables_of_nonsense(tmp_path: Path, odd: dict[str, Any]) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"title": "t", "header": ["a"], "rows": [[1]], **odd}))
    ask(path)
    with suppress(GdlError):
        used(media.read(path, FORMATS), tmp_path)


CELLS = ("a,b\n" + "x" * 200_000 + ",1\n", "a\n" + "9" * 6_000, "a\n\0\n", '"' * 4_001, "a\n1e999", "\n\n", "a\nnan\n")


def test_cells_that_no_table_has(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for text in CELLS:
        path.write_bytes(text.encode())
        sidecar(path).write_text('{"content": "sha256:0"}')
        ask(path)


SIDECARS = ("[" * 100_000, "7", '"text"', "[1]", "{", "\xff", '{"content": [1]}', '{"a": 1e999}')


@pytest.mark.parametrize("record", SIDECARS)
def test_sidecars_of_nonsense(tmp_path: Path, record: str) -> None:
    for name, content in (("a.csv", "a\n1\n"), ("a.txt", "words"), ("a.md", "| a |")):
        (tmp_path / name).write_text(content)
        sidecar(tmp_path / name).write_text(record, "latin-1")
        ask(tmp_path / name)


def atom(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + name + data


def test_films_of_empty_atoms(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(atom(b"free", b"") * 1_000_000)
    began = time.process_time()
    assert read_mp4_record(path) is None
    assert time.process_time() - began < 1


@pytest.mark.parametrize("record", [b"[" * 50_000, b"7", b"\xff\xfe", b'{"a": ' * 3000, b"{}" * 900_000])
def test_comments_of_nonsense(tmp_path: Path, record: bytes) -> None:
    inside = atom(b"ilst", atom(b"\xa9cmt", atom(b"data", bytes(8) + record)))
    path = tmp_path / "a.mp4"
    path.write_bytes(atom(b"moov", atom(b"udta", atom(b"meta", bytes(4) + inside))))
    assert read_mp4_record(path) is None
    for size in (0, 1, 7, 2**32 - 1):
        path.write_bytes(struct.pack(">I", size) + b"moov" + struct.pack(">Q", 2**64 - 1))
        assert read_mp4_record(path) is None


def test_a_film_is_read_as_nothing_but_a_film(tmp_path: Path) -> None:
    """A text called .mp4 could name other files and addresses, which ffmpeg would open."""
    pytest.importorskip("imageio_ffmpeg")
    real = tmp_path / "real.mp4"
    media.write(Frames(np.zeros((4, 16, 16, 3), np.uint8), fps=8), real, None, FORMATS)
    listed = tmp_path / "listed.mp4"
    for text in ("ffconcat version 1.0\nfile real.mp4\n", f"#EXTM3U\n#EXTINF:1,\n{real}\n#EXT-X-ENDLIST\n"):
        listed.write_text(text)
        with pytest.raises(MediaError):
            media.read(listed, FORMATS)
        sidecar(listed).write_text('{"content": "sha256:0"}')
        with pytest.raises(MediaError):
            media.verify(listed, FORMATS)
    strange = tmp_path / "concat:real.mp4"
    strange.write_bytes(real.read_bytes())
    assert len(media.read(strange, FORMATS).pixels) == 4


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_files_with_spoilt_bytes(tmp_path: Path, data: st.DataObject) -> None:
    whole = _whole(tmp_path)
    name = data.draw(st.sampled_from(sorted(whole)))
    spoilt = bytearray(whole[name])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(spoilt) - 1))
        kind = data.draw(st.sampled_from(["byte", "cut", "insert"]))
        if kind == "byte":
            spoilt[at] = data.draw(st.integers(0, 255))
        elif kind == "insert":
            spoilt[at:at] = data.draw(st.binary(max_size=9))
        elif at:
            del spoilt[at:]
    path = tmp_path / f"spoilt{Path(name).suffix}"
    path.write_bytes(spoilt)
    ask(path)


_MADE: dict[str, bytes] = {}


def _whole(folder: Path) -> dict[str, bytes]:
    """Files of every format that carries its record."""
    if not _MADE:
        values: dict[str, Any] = {
            "a.png": Images(some(2)), "a.jpg": Images(some(1)), "a.webp": Frames(some(3)), "a.gif": Frames(some(3)),
            "a.npz": Latents(np.ones((3, 2), np.float32)), "a.safetensors": Images(some(2)),
            "a.json": Table(("a", "b"), ((1, "x"), (2.5, None))), "a.csv": Table(("a",), ((1,), (2,))),
        }  # fmt: skip
        for name, value in values.items():
            media.write(value, folder / name, RECORD, FORMATS)
            _MADE[name] = (folder / name).read_bytes()
    return _MADE


def test_what_is_told_holds_nothing_that_a_terminal_obeys(tmp_path: Path) -> None:
    table = Table(("a\x1b[2J", "b"), (("x\x07\u202e", 1),), title="t\x1b]0;x\x07")
    media.write(table, tmp_path / "a.md", None, FORMATS)
    text = (tmp_path / "a.md").read_text()
    assert text.replace("\n", "").isprintable()


def test_a_picture_is_still_a_picture(tmp_path: Path) -> None:
    buffer = BytesIO()
    Image.new("RGB", (3, 2)).save(buffer, "PNG")
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    assert media.read(tmp_path / "a.png", FORMATS).pixels.shape == (1, 2, 3, 3)
