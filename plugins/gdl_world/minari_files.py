"""Episodes as datasets of Minari (https://minari.farama.org), to exchange them with other libraries.

A Minari dataset is a folder of an HDF5 file and its metadata. We write it zipped, so that it is one file: unzipped into
Minari's folder of datasets it is found there by its id. Pictures are stored without loss. We keep no observation after
an episode's last action; Minari wants one, and the last one is repeated in its place. `minari_dataset` reads them.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np

from gdl_core.data.episodes import Episodes
from gdl_core.media.atomic import replacing
from gdl_core.media.record import write_sidecar
from gdl_world.environment import Actions, need

METADATA, DATA = "metadata.json", "main_data.hdf5"
OURS = "gdl"
"""The key of the metadata under which we keep what Minari has no name for."""

_SAID = "Of each episode the observation after its last action was not kept; the one before it stands in its place."
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date that a zip file can tell: the same episodes give the same bytes


def write(value: Episodes, path: Path, record: Mapping[str, Any] | None) -> list[Path]:
    """Write episodes as a zipped Minari dataset, with the record beside it.

    Raises:
        MissingExtraError: Minari is not installed.
        StorageError: the disk is full or may not be written.
    """
    need("saving a Minari dataset", "minari", "minari", "h5py")
    import minari
    from minari.dataset.minari_storage import MinariStorage

    from gdl_world.rows import pictures_of, space_of

    called = re.sub(r"[^A-Za-z0-9_]+", "-", str(value.about.get("name", "")) or value.name).strip("-")
    name = f"{called or 'episodes'}-v0"
    told = value.about.get("actions", {})
    actions = Actions(choices=int(told.get("choices", 0)), numbers=int(told.get("numbers", 0)))
    with TemporaryDirectory(prefix="gdl-minari-") as folder:
        place = Path(folder) / "data"
        storage = MinariStorage.new(place, pictures_of(value.shape), space_of(actions), jpeg_encoding=False)
        storage.update_episodes(_buffers(value))
        storage.update_metadata(
            {
                "dataset_id": f"gdl/{name}", "minari_version": minari.__version__, "description": _SAID,
                OURS: {"about": dict(value.about), "held out": value.held_out_episodes().tolist()},
            }
        )  # fmt: skip
        with replacing(path) as temporary, ZipFile(temporary, "w") as archive:
            for file in (METADATA, DATA):
                info = ZipInfo(f"gdl/{name}/data/{file}", _EPOCH)
                info.compress_type = ZIP_DEFLATED
                with (place / file).open("rb") as source, archive.open(info, "w", force_zip64=True) as target:
                    shutil.copyfileobj(source, target, 1 << 20)
    return [path] if record is None else [path, write_sidecar(path, {**record, "content": content_digest(path)})]


def verify(path: Path, record: Mapping[str, Any]) -> bool | None:
    """Return whether a file is, byte for byte, what its record tells of; None where the record does not say."""
    content = record.get("content")
    return None if content is None else bool(content_digest(path) == content)


def content_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return f"sha256:{found.hexdigest()}"


def _buffers(value: Episodes) -> Iterator[Any]:
    from minari.data_collector.episode_buffer import EpisodeBuffer

    for number in range(len(value.seeds)):
        frames = value.frames_of(number)
        seen, steps = value.pixels(frames), len(frames)
        last, ended = np.arange(steps) == steps - 1, bool(value.ended[number])
        yield EpisodeBuffer(
            id=number,
            seed=int(value.seeds[number]),
            observations=np.concatenate([seen, seen[-1:]]),
            actions=np.asarray(value.actions[frames]),
            rewards=np.asarray(value.rewards[frames], dtype=np.float64),
            terminations=last & ended,
            truncations=last & (not ended),
        )
