"""Results that later steps need, kept in a step's state folder: a change further down runs what it touches and no more.

Models are `.gdl` files, other values safetensors with a JSON header. Datasets are not kept: they have caches of their
own. What cannot be read again is as good as not there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load, save

from gdl_core.errors import CheckpointError, MediaError
from gdl_core.media.arrays import pack, unpack
from gdl_core.media.atomic import write_bytes
from gdl_core.media.record import from_text
from gdl_core.registry import Registry
from gdl_core.specs import Kind
from gdl_core.values import Figure, Frames, Images, Latents, Notes, Table, Text, Tune, Vector

MODEL = "result.gdl"
VALUE = "result.safetensors"
FACTS = "result.json"
RESULTS = (MODEL, VALUE, FACTS)
"""Names in a step's state folder: its value, and what a report tells of the step."""


def keep(value: Any, folder: Path, record: Mapping[str, Any]) -> None:
    """Keep a value; the record goes with a model. A value of another kind than those named above is not kept.

    Raises:
        StorageError: the disk is full or may not be written.
    """
    if getattr(value, "kind", "") == "model":
        from gdl_core.model_file import write_model

        write_model(value, folder / MODEL, record)
        return
    if isinstance(value, Latents | Vector | Images | Frames):
        arrays, header = pack(value, None)
    elif isinstance(value, Figure):
        arrays, header = {"pixels": value.pixels}, {"kind": value.kind, **_table(value.data)}
    elif isinstance(value, Table):
        arrays, header = {}, {"kind": value.kind, **_table(value)}
    elif isinstance(value, Text):
        arrays, header = {}, {"kind": value.kind, "samples": list(value.samples)}
    elif isinstance(value, Notes):
        arrays = {str(number): tune.notes for number, tune in enumerate(value.samples)}
        tunes = [[tune.beats, tune.tempo, tune.voices, tune.programs, tune.title] for tune in value.samples]
        header = {"kind": value.kind, "tunes": tunes}
    else:
        return
    write_bytes(folder / VALUE, save(arrays, metadata={"gdl": json.dumps(header)}))


def kept(kind: Kind, folder: Path, registry: Registry) -> Any:
    """Return the value of this kind that was kept, or None."""
    if kind == "model":
        if not (folder / MODEL).is_file():
            return None
        from gdl_core.model_file import read_model

        try:
            return read_model(folder / MODEL, registry)
        except CheckpointError:
            return None
    try:
        data = (folder / VALUE).read_bytes()
        arrays, header = load(data), _header(data)
        if header["kind"] != kind:
            return None
        if kind == "table":
            return _read_table(header)
        if kind == "figure":
            return Figure(arrays["pixels"], _read_table(header))
        if kind == "text":
            return Text(tuple(map(str, header["samples"])))
        if kind == "notes":
            return Notes(tuple(_tune(arrays[str(n)], *told) for n, told in enumerate(header["tunes"])))
        return unpack(arrays, header, VALUE)
    except (OSError, SafetensorError, MediaError, ValueError, KeyError, TypeError):
        return None


def _tune(notes: Any, beats: float, tempo: float, voices: list[str], programs: list[int], title: str) -> Tune:
    return Tune(notes, float(beats), float(tempo), tuple(map(str, voices)), tuple(map(int, programs)), str(title))


def _table(table: Table) -> dict[str, Any]:
    return {"title": table.title, "header": list(table.header), "rows": [list(row) for row in table.rows]}


def _read_table(header: Mapping[str, Any]) -> Table:
    return Table(tuple(header["header"]), tuple(tuple(row) for row in header["rows"]), header["title"])


def _header(data: bytes) -> dict[str, Any]:
    """Return our part of the header of safetensors: eight bytes of length, then JSON."""
    length = int.from_bytes(data[:8], "little")
    about = from_text(data[8 : 8 + length]) or {}
    return from_text(about["__metadata__"]["gdl"]) or {}
