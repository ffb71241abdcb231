"""Minari datasets of pictures, ours or a stranger's, as episodes. Nothing in them is taken on trust.

An HDF5 file can name other files, and metadata an environment to be made; neither is followed. What does not fit
together is told of with the number of the episode.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gdl_core.errors import DataError, printable
from gdl_core.files import cannot_write
from gdl_world.environment import Actions, need
from gdl_world.minari_files import DATA, METADATA, OURS, content_digest
from gdl_world.store import Episode

_ABOUT_BYTES = 16 << 20  # of metadata; ours have some hundred bytes
_JPEG = b"\xff\xd8\xff"

T = TypeVar("T")


class MinariDataset:
    """A Minari dataset of pictures, as a folder or a zip file of one.

    Args:
        path: the folder that has `metadata.json`, or one above it; or a zip file of it.
        folder: private to the caller; what is unzipped lies there until `close`.
        size: pixels a side that pictures are shrunk to; 0 to leave them as they are.

    Raises:
        MissingExtraError: Minari is not installed.
        DataError: it is none, is damaged, or holds no pictures or no actions that we know.
        StorageError: there is no room to unzip it.
    """

    def __init__(self, path: Path, folder: Path, size: int) -> None:
        need("reading Minari datasets", "minari", "minari", "h5py")
        from gymnasium.spaces import Box

        from gdl_world.rows import actions_of

        self.path, self.size, self.folder = path, size, folder
        try:
            self.place = _within(path) if path.is_dir() else self._asked(lambda: _unzipped(path, folder))
            told = self._asked(lambda: json.loads(self._metadata()))
            # Without spaces Minari would make the environment that a stranger's file names.
            if not isinstance(told, dict) or not {"observation_space", "action_space"} <= told.keys():
                raise DataError(
                    f"{path}: its metadata do not say what can be seen and done; it is not read, since a stranger's "
                    "environment would have to be made for that"
                )
            if not (self.place / DATA).is_file():
                raise DataError(f"{path} has no {DATA}: of Minari's formats only HDF5 is read")
            self._asked(self._look_for_links)
            self.count = self._asked(lambda: int(told["total_episodes"]))
            self.id = printable(str(told.get("dataset_id", path.stem)))
            self.storage = self._asked(self._open)
            seen = self.storage.observation_space
            if not isinstance(seen, Box) or seen.dtype != np.uint8 or len(seen.shape) not in (2, 3):
                raise DataError(f"{path}: observations are of {printable(str(seen))[:200]}; pictures are needed")
            self.space = self.storage.action_space
            self.actions: Actions = actions_of(self.id, self.space)
            self.about, self.held_out = self._ours(told.get(OURS))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Remove what was unzipped."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def content(self) -> str:
        """A SHA-256 of the data."""
        return content_digest(self.place / DATA)

    def _metadata(self) -> str:
        with (self.place / METADATA).open("rb") as file:
            text = file.read(_ABOUT_BYTES + 1)
        if len(text) > _ABOUT_BYTES:
            raise DataError(f"{self.path}: its metadata have more than {_ABOUT_BYTES >> 20} MiB")
        return text.decode()

    def _open(self) -> Any:
        from minari.dataset.minari_storage import MinariStorage

        return MinariStorage.read(self.place)

    def _look_for_links(self) -> None:
        import h5py

        def look(group: Any, where: str) -> None:
            for name in group:
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise DataError(f"{self.path}: {where}{name} leads elsewhere through a link; it is not followed")
                entry = group[name]
                if isinstance(entry, h5py.Group):
                    look(entry, f"{where}{name}/")
                elif entry.external or entry.is_virtual:
                    raise DataError(f"{self.path}: the data of {where}{name} lie in another file; it is not read")

        with h5py.File(self.place / DATA, "r") as file:
            look(file, "")

    def _ours(self, told: Any) -> tuple[dict[str, Any], list[int] | None]:
        """Return what episodes keep of their environment, and which are held out, where we wrote it down."""
        actions = {"choices": self.actions.choices, "numbers": self.actions.numbers}
        about: dict[str, Any] = {"name": self.id, "environment": self.id, "cap": 1_000}
        held_out = None
        if isinstance(told, dict) and isinstance(told.get("about"), dict):
            about |= told["about"]
            held_out = self._asked(lambda: [int(number) for number in told["held out"]])
        if not isinstance(about["name"], str) or not isinstance(about["cap"], int) or not 0 < about["cap"] <= 10**9:
            raise DataError(f"{self.path}: its metadata are damaged: name or cap of the environment")
        return {**about, "actions": actions}, held_out

    def episodes(self, first: int, last: int) -> Iterator[Episode]:
        """Give episodes first … last − 1, one at a time; their frames are uint8 (steps, height, width, 3)."""
        for number in range(first, last):
            yield self._asked(lambda: self._episode(number))  # noqa: B023  # asked at once

    def _episode(self, number: int) -> Episode:
        self._check_pictures(number)
        (episode,) = self.storage.get_episodes([number])
        (about,) = self.storage.get_episode_metadata([number])
        rewards = np.asarray(episode["rewards"], dtype=np.float32).reshape(-1)
        seen, n = np.asarray(episode["observations"]), len(rewards)
        actions, ended = np.asarray(episode["actions"]), np.asarray(episode["terminations"])
        if not n or not len(actions) == len(ended) == n or len(seen) < n:
            raise DataError(
                f"{self.path}: episode {number} has {n} rewards, {len(actions)} actions, {len(ended)} ends and "
                f"{len(seen)} observations"
            )
        if not np.isfinite(rewards).all():
            raise DataError(f"{self.path}: episode {number} has rewards that are no finite numbers")
        seed = about.get("seed")
        return Episode(
            frames=self._pictures(seen[:n]),
            actions=self._done(actions, number),
            rewards=rewards,
            ended=bool(ended[-1]),
            seed=number if seed is None else int(seed) % (1 << 63),  # Minari draws 64 bits, of which ours keep 63
        )

    def _check_pictures(self, number: int) -> None:
        """See that what is said to be JPEG is: Pillow would open any format, and run programs for some of them."""
        import h5py

        if not self.storage.jpeg_encoding:
            return
        with h5py.File(self.place / DATA, "r") as file:
            seen = file[f"episode_{number}"]["observations"]
            encoded = seen.ndim <= 2 and (seen.dtype == np.uint8 or h5py.check_vlen_dtype(seen.dtype) is not None)
            if encoded and not all(bytes(row[:3]) == _JPEG for row in seen):
                raise DataError(f"{self.path}: episode {number} has pictures that are no JPEG")

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

    def _done(self, actions: NDArray[Any], number: int) -> NDArray[Any]:
        if self.actions.choices:
            chosen = np.asarray(actions.reshape(-1) - int(self.space.start), dtype=np.int64)
            if ((chosen < 0) | (chosen >= self.actions.choices)).any():
                raise DataError(f"{self.path}: episode {number} has actions beyond {self.space}")
            return chosen
        low, high = np.asarray(self.space.low, np.float64), np.asarray(self.space.high, np.float64)
        share = (actions.astype(np.float64) - low) / np.maximum(high - low, 1e-9)
        if not np.isfinite(share).all():
            raise DataError(f"{self.path}: episode {number} has actions that are no finite numbers")
        return np.asarray(2 * share - 1, dtype=np.float32).clip(-1, 1)

    def _asked(self, what: Callable[[], T]) -> T:
        try:
            return what()
        except (DataError, MemoryError):
            raise
        except OSError as error:
            if error.errno is not None and error.filename is None:  # a full disk; HDF5 has no numbers for its errors
                raise cannot_write(self.folder, error) from error
            raise self._damaged(error) from error
        except Exception as error:  # HDF5, JSON, zlib and Minari have failures of their own
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> DataError:
        said = printable((str(error).splitlines() or [""])[0][:200])
        return DataError(f"{self.path} is no Minari dataset, or it is damaged: {type(error).__name__} {said}")


def _within(path: Path) -> Path:
    """Return the folder that has the metadata."""
    found = sorted(path.rglob(METADATA))
    if len(found) != 1:
        raise DataError(f"{path} holds {len(found)} files {METADATA}; give the folder of one Minari dataset")
    return found[0].parent


def _unzipped(path: Path, folder: Path) -> Path:
    """Unzip the two files of a dataset into a folder, and return it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with ZipFile(path) as archive:
        for file in (METADATA, DATA):
            members = [info for info in archive.infolist() if Path(info.filename).name == file]
            if len(members) != 1:
                raise DataError(f"{path} holds {len(members)} files {file}; a zipped Minari dataset has one")
            if members[0].file_size > shutil.disk_usage(folder).free:
                raise DataError(f"{path} takes {members[0].file_size >> 20:,} MiB unzipped; there is no room for it")
            with archive.open(members[0]) as source, (folder / file).open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)  # no more than file_size: zipfile ends there
    return folder
