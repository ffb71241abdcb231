"""Episodes as datasets of Minari (https://minari.farama.org), to exchange them with other libraries.

A Minari dataset is a folder of an HDF5 file and its metadata. We write it zipped, so that it is one file: unzipped into
Minari's folder of datasets it is found there by its id. Pictures are stored without loss. We keep no observation after
an episode's last action; Minari wants one, and the last one is repeated in its place. Reading takes it off again.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gdl_core.data.episodes import Episodes
from gdl_core.errors import DataError, printable
from gdl_core.media.atomic import replacing
from gdl_core.media.record import write_sidecar
from gdl_world.environment import Actions, need
from gdl_world.store import Episode

_METADATA, _DATA = "metadata.json", "main_data.hdf5"
_OURS = "gdl"
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
                _OURS: {"about": dict(value.about), "held out": value.held_out_episodes().tolist()},
            }
        )  # fmt: skip
        with replacing(path) as temporary, ZipFile(temporary, "w") as archive:
            for file in (_METADATA, _DATA):
                info = ZipInfo(f"gdl/{name}/data/{file}", _EPOCH)
                info.compress_type = ZIP_DEFLATED
                with (place / file).open("rb") as source, archive.open(info, "w", force_zip64=True) as target:
                    shutil.copyfileobj(source, target, 1 << 20)
    return [path] if record is None else [path, write_sidecar(path, {**record, "content": _digest(path)})]


def verify(path: Path, record: Mapping[str, Any]) -> bool | None:
    """Return whether a file is, byte for byte, what its record tells of; None where the record does not say."""
    content = record.get("content")
    return None if content is None else bool(_digest(path) == content)


def _digest(path: Path) -> str:
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
        last = np.arange(steps) == steps - 1
        yield EpisodeBuffer(
            id=number,
            seed=int(value.seeds[number]),
            observations=np.concatenate([seen, seen[-1:]]),  # type: ignore[arg-type]  # any array will do
            actions=np.asarray(value.actions[frames]),  # type: ignore[arg-type]
            rewards=np.asarray(value.rewards[frames], dtype=np.float64),  # type: ignore[arg-type]
            terminations=last & bool(value.ended[number]),
            truncations=last & ~bool(value.ended[number]),
        )


class MinariDataset:
    """A Minari dataset of pictures, as a folder or a zip file of one.

    Args:
        path: the folder that has `metadata.json`, or one above it; or a zip file of it.
        folder: private to the caller; what is unzipped lies there.
        size: pixels a side that pictures are shrunk to; 0 to leave them as they are.

    Raises:
        MissingExtraError: Minari is not installed.
        DataError: it is none, is damaged, or holds no pictures or no actions that we know.
    """

    def __init__(self, path: Path, folder: Path, size: int) -> None:
        need("reading Minari datasets", "minari", "minari", "h5py")
        from gdl_world.rows import actions_of

        self.path, self.size = path, size
        self.place = _found(path, folder)
        try:
            told = json.loads((self.place / _METADATA).read_text(encoding="utf-8"))
            self.count, self.id = int(told["total_episodes"]), printable(str(told.get("dataset_id", path.stem)))
            ours = told.get(_OURS)
            self.about: dict[str, Any] | None = dict(ours["about"]) if ours else None
            self.held_out: list[int] | None = [int(number) for number in ours["held out"]] if ours else None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._damaged(error) from error
        # Without spaces Minari would make the environment that a stranger's file names.
        if not {"observation_space", "action_space"} <= told.keys():
            raise DataError(
                f"{path}: its metadata do not say what can be seen and done; it is not read, since a stranger's "
                "environment would have to be made for that"
            )
        self.storage = self._asked(self._open)
        self.space = self.storage.action_space
        self.actions: Actions = actions_of(self.id, self.space)

    def _open(self) -> Any:
        from minari.dataset.minari_storage import MinariStorage

        return MinariStorage.read(self.place)

    def episodes(self, first: int, last: int) -> Iterator[Episode]:
        """Give episodes first … last − 1; their frames uint8 (steps, height, width, 3)."""
        found = self._asked(lambda: list(self.storage.get_episodes(range(first, last))))
        told = self._asked(lambda: list(self.storage.get_episode_metadata(range(first, last))))
        for number, (episode, about) in enumerate(zip(found, told, strict=True), start=first):
            yield self._asked(lambda: self._episode(episode, about, number))  # noqa: B023  # asked at once

    def _episode(self, episode: Mapping[str, Any], about: Mapping[str, Any], number: int) -> Episode:
        rewards = np.asarray(episode["rewards"], dtype=np.float32).reshape(-1)
        seen = np.asarray(episode["observations"])
        if not len(rewards) or len(seen) < len(rewards):
            raise ValueError(f"episode {number} has {len(rewards)} rewards and {len(seen)} observations")
        return Episode(
            frames=self._pictures(seen[: len(rewards)]),
            actions=self._done(np.asarray(episode["actions"])),
            rewards=rewards,
            ended=bool(np.asarray(episode["terminations"])[-1]),
            seed=int(about.get("seed") or number),
        )

    def _pictures(self, seen: NDArray[Any]) -> NDArray[np.uint8]:
        if seen.ndim == 3:
            seen = seen[..., None]
        if seen.dtype != np.uint8 or seen.ndim != 4 or seen.shape[-1] not in (1, 3):
            raise DataError(f"{self.path}: observations are {seen.dtype} {seen.shape[1:]}; pictures are needed")
        if seen.shape[-1] == 1:
            seen = seen.repeat(3, axis=-1)
        if self.size and seen.shape[1:3] != (self.size, self.size):
            side = (self.size, self.size)
            seen = np.stack([np.asarray(Image.fromarray(one).resize(side, Image.Resampling.BOX)) for one in seen])
        return seen

    def _done(self, actions: NDArray[Any]) -> NDArray[Any]:
        if self.actions.choices:
            return np.asarray(actions.reshape(-1) - int(self.space.start), dtype=np.int64)
        low, high = self.space.low, self.space.high
        return np.asarray(2 * (actions - low) / (high - low) - 1, dtype=np.float32).clip(-1, 1)

    def _asked(self, what: Any) -> Any:
        try:
            return what()
        except DataError:
            raise
        except Exception as error:  # HDF5, JSON and Minari have failures of their own
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> DataError:
        said = printable((str(error).splitlines() or [""])[0][:200])
        return DataError(f"{self.path} is no Minari dataset, or it is damaged: {type(error).__name__} {said}")


def _found(path: Path, folder: Path) -> Path:
    """Return the folder that has the metadata, unzipped if need be."""
    if path.is_dir():
        within = sorted(path.rglob(_METADATA))
        if len(within) != 1:
            raise DataError(f"{path} holds {len(within)} files {_METADATA}; give the folder of one Minari dataset")
        return within[0].parent
    place = folder / "unzipped"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    try:
        with ZipFile(path) as archive:
            for file in (_METADATA, _DATA):
                members = [info for info in archive.infolist() if Path(info.filename).name == file]
                if len(members) != 1:
                    raise DataError(f"{path} holds {len(members)} files {file}; a zipped Minari dataset has one")
                with archive.open(members[0]) as source, (place / file).open("wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
    except (BadZipFile, NotImplementedError, EOFError) as error:
        raise DataError(f"{path} is no zip file, or it is damaged: {printable(str(error))}") from error
    return place
