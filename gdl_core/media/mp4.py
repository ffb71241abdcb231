"""MP4 with H.264, through the ffmpeg of the extra `video`. The record is the comment of the file."""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gdl_core.errors import MediaError
from gdl_core.media.atomic import replacing
from gdl_core.media.extras import require_extra
from gdl_core.media.film import Pixels, big_frames
from gdl_core.media.raster import MAX_FILM
from gdl_core.media.record import Record, from_text, to_text, write_sidecar
from gdl_core.media.sheet import flatten
from gdl_core.values import Frames

_PLAIN = ["-movflags", "+faststart", "-fflags", "+bitexact", "-map_metadata", "-1"]
_AS_FILM = ["-protocol_whitelist", "file", "-f", "mp4"]
"""Before an input: it is read as a film and nothing else. A text called .mp4 could name other files and addresses."""

_MOST_ATOMS = 10_000
_LONGEST_COMMENT = 16_000  # it travels on ffmpeg's command line, which Windows keeps under 32,767 characters


def write(value: Any, path: Path, record: Record | None) -> list[Path]:
    """Write a film that every player shows: yuv420p, even sizes, index first.

    Raises:
        MissingExtraError: the extra `video` is not installed.
    """
    require_extra("writing MP4", "video")
    from imageio_ffmpeg import write_frames

    frames = _even(flatten(big_frames(value)))
    if frames.shape[-1] == 1:
        frames = frames.repeat(3, axis=-1)
    options = ["-threads", "1", "-crf", "16", "-preset", "medium", *_PLAIN, "-flags:v", "+bitexact"]
    height, width = frames.shape[1:3]
    with replacing(path) as temporary:
        writer = write_frames(
            str(temporary), (width, height), fps=value.fps, codec="libx264", quality=None, pix_fmt_out="yuv420p",
            macro_block_size=1, output_params=options, ffmpeg_log_level="error",
        )  # fmt: skip
        try:
            writer.send(None)
            for frame in frames:
                writer.send(np.ascontiguousarray(frame))
        finally:
            writer.close()
        if not temporary.is_file() or not temporary.stat().st_size:
            raise MediaError(f"ffmpeg could not write {path.name}")
        if record is None:
            return [path]
        told = {**record, "content": _content(temporary)}
        comment = to_text(told)
        if inside := len(comment) <= _LONGEST_COMMENT:
            commented = temporary.with_name(f"{temporary.stem}-told{temporary.suffix}")
            copy = [*_input(temporary), "-c", "copy", *_PLAIN, "-metadata", f"comment={comment}", str(commented)]
            try:
                _ffmpeg(*copy)
                commented.replace(temporary)
            finally:
                commented.unlink(missing_ok=True)
    return [path] if inside else [path, write_sidecar(path, told)]


def verify(path: Path, record: Record) -> bool | None:
    """Return whether a film's coded pictures are those its record vouches for; None where the record says nothing."""
    if "content" not in record:
        return None
    require_extra("checking MP4", "video")
    return bool(_content(path) == record["content"])


def _content(path: Path) -> str:
    """Return a SHA-256 of the coded pictures, which no metadata is part of.

    Not of the pictures themselves: their colours may be rounded otherwise on another processor.
    """
    told = _ffmpeg(*_input(path), "-map", "0:v", "-c", "copy", "-f", "hash", "-hash", "sha256", "-")
    return f"sha256:{told.decode('ascii', 'replace').strip().lower().removeprefix('sha256=')}"


def _input(path: Path) -> list[str]:
    return [*_AS_FILM, "-i", f"file:{path}"]


def _ffmpeg(*arguments: str) -> bytes:
    from imageio_ffmpeg import get_ffmpeg_exe

    command = [get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-y", *arguments]
    # In a session of its own, so that Ctrl-C reaches it through us alone: a run is stopped, not a film spoilt.
    done = subprocess.run(command, capture_output=True, check=False, start_new_session=True)
    if done.returncode != 0:
        first = (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it says nothing"])[0]
        raise MediaError(f"ffmpeg failed: {first[:200]}")
    return done.stdout


def _even(frames: Pixels) -> Pixels:
    """Repeat the last row or column where a side is odd; H.264 with shared colour needs even sides."""
    odd = [(0, 0), (0, frames.shape[1] % 2), (0, frames.shape[2] % 2), (0, 0)]
    return np.pad(frames, odd, mode="edge")


def read(path: Path) -> Frames:
    """Read a film's frames as RGB; H.264 loses a little, so they are near what was written."""
    require_extra("reading MP4", "video")
    from imageio_ffmpeg import read_frames

    frames: list[Pixels] = []
    facts: dict[str, Any] = {}
    too_large = False
    with warnings.catch_warnings(), suppress(OSError, RuntimeError, KeyError, ValueError, StopIteration):
        warnings.simplefilter("ignore", ResourceWarning)  # imageio-ffmpeg leaves its pipes to the garbage collector
        reader = read_frames(f"file:{path.absolute()}", input_params=_AS_FILM)
        facts = next(reader)
        width, height = facts["size"]
        for frame in reader:
            frames.append(np.frombuffer(frame, dtype=np.uint8).reshape(height, width, 3))
            if len(frames) * width * height > MAX_FILM:
                too_large = True
                break
        reader.close()
    if too_large:
        raise MediaError(f"{path.name} is too large (more than {MAX_FILM:,} pixels); make it shorter or smaller first")
    if not frames:
        raise MediaError(f"{path.name} cannot be read as a film")
    return Frames(np.stack(frames), fps=float(facts["fps"]))


def read_record(path: Path) -> dict[str, Any] | None:
    """Return the record of an MP4 without ffmpeg: the atom moov/udta/meta/ilst/©cmt/data."""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        start = 0
        for wanted in (b"moov", b"udta", b"meta", b"ilst", b"\xa9cmt", b"data"):
            for name, first, last in _atoms(file, start, end):
                if name == wanted:
                    start, end = first + (4 if name == b"meta" else 0), last
                    break
            else:
                return None
        file.seek(start + 8)  # type and locale of the text
        return from_text(file.read(max(0, min(end - start - 8, 1 << 20))))


def _atoms(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, begin of contents, end) of the atoms of a stretch of an MP4 file."""
    for _ in range(_MOST_ATOMS):
        if start + 8 > end:
            return
        file.seek(start)
        size, name, head = int.from_bytes(file.read(4), "big"), file.read(4), 8
        if size == 1:
            size, head = int.from_bytes(file.read(8), "big"), 16
        if size < head:
            return
        yield name, start + head, min(end, start + size)
        start += size
