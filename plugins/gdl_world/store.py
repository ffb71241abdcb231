"""Episodes on disk: frames, actions and rewards, one after another in a file each, and a manifest that says what
counts.

Files only grow. What the manifest, which is written last and renamed into place, does not name is not there: a kill
while episodes are being added costs those and no others. Frames are mapped, never read whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gdl_core.data.dataset import fingerprint
from gdl_core.data.episodes import Episodes
from gdl_core.data.split import split
from gdl_core.errors import DataError
from gdl_core.files import cannot_write
from gdl_core.media.atomic import write_bytes
from gdl_core.noise import Noise
from gdl_core.values import Column

_MANIFEST = "episodes.json"
_FORMAT = 1
_AT_ONCE = 256  # frames of a long episode


class Episode(NamedTuple):
    """One episode: uint8 (steps, height, width, channels), actions (steps, …), float32 (steps,), how it ended, seed."""

    frames: NDArray[np.uint8]
    actions: NDArray[Any]
    rewards: NDArray[np.float32]
    ended: bool
    seed: int


def read_episodes(folder: Path, name: str = "episodes", held_out: float = 0.1) -> Episodes:
    """Return the episodes that a step `rollouts` or `minari` has kept: `.gdl/STEP/episodes` of a run's folder.

    Which of them are held out is chosen anew here, and not as the run chose.

    Raises:
        DataError: there are none, or they are damaged.
    """
    try:
        told = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        store = Store(folder, tuple(told["shape"]), told["numbers"], told["key"], told["about"], grows=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder} holds no episodes that could be read ({type(error).__name__})") from error
    return store.value(name, Noise(0), held_out)


class Store:
    """Episodes in a folder of their own; made where there are none.

    Args:
        folder: where they lie.
        shape: (channels, height, width) of a frame.
        numbers: numbers of an action; 0 for one of several choices.
        key: what the episodes depend on; others under it are refused.
        about: what the environment says of itself.
        grows: episodes may be added here; else somebody else may be adding some, and nothing is touched.

    Raises:
        DataError: the folder holds episodes of something else, or a manifest that cannot be read.
    """

    def __init__(
        self,
        folder: Path,
        shape: tuple[int, int, int],
        numbers: int,
        key: str,
        about: Mapping[str, Any],
        *,
        grows: bool = True,
    ) -> None:
        self.folder, self.shape, self.numbers, self.key, self.about = folder, shape, numbers, key, dict(about)
        self.episodes: list[tuple[int, int, bool]] = []  # seed, steps, ended
        manifest = folder / _MANIFEST
        try:
            if grows:
                folder.mkdir(parents=True, exist_ok=True)
            text = manifest.read_text(encoding="utf-8") if manifest.is_file() else ""
        except OSError as error:
            raise cannot_write(manifest, error) from error
        if text:
            self._read(text)
        self._cut(grows)

    def _read(self, text: str) -> None:
        path = self.folder / _MANIFEST
        try:
            told = json.loads(text)
            self.episodes = [(int(seed), int(steps), bool(ended)) for seed, steps, ended in told["episodes"]]
            same = (told["format"], tuple(told["shape"]), told["numbers"], told["key"])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path} is damaged ({type(error).__name__}); delete its folder to collect again"
            ) from error
        if same != (_FORMAT, self.shape, self.numbers, self.key):
            raise DataError(f"{path} tells of episodes of something else; delete its folder to collect again")

    @property
    def steps(self) -> int:
        """Steps of all episodes together."""
        return sum(steps for _, steps, _ in self.episodes)

    def add(self, episodes: Iterable[Episode]) -> None:
        """Add episodes; they are there once this returns.

        Raises:
            StorageError: the disk is full or may not be written; the episodes that were there still are.
        """
        path = self.folder
        told = list(self.episodes)
        try:
            with (
                (path / "frames.u8").open("ab") as frames,
                (path / "actions.bin").open("ab") as actions,
                (path / "rewards.f4").open("ab") as rewards,
            ):
                channels, height, width = self.shape
                for episode in episodes:
                    if episode.frames.shape[1:] != (height, width, channels):
                        raise DataError(
                            f"episode {len(told)} has frames of {episode.frames.shape[1:]}; the others have "
                            f"{(height, width, channels)}"
                        )
                    if not len(episode.frames) == len(episode.actions) == len(episode.rewards):
                        raise DataError(
                            f"episode {len(told)} has {len(episode.frames)} frames, {len(episode.actions)} actions and "
                            f"{len(episode.rewards)} rewards"
                        )
                    actions_of_it = np.asarray(episode.actions)
                    if actions_of_it.shape != (len(episode.frames), self.numbers)[: 2 if self.numbers else 1]:
                        told_of = f"{self.numbers} numbers each" if self.numbers else "one choice each"
                        raise DataError(
                            f"episode {len(told)} has actions of shape {actions_of_it.shape}; the others have {told_of}"
                        )
                    for first in range(0, len(episode.frames), _AT_ONCE):
                        some = episode.frames[first : first + _AT_ONCE]
                        frames.write(np.ascontiguousarray(some.transpose(0, 3, 1, 2)).data)
                    kind = np.float32 if self.numbers else np.int64
                    actions.write(np.ascontiguousarray(actions_of_it, dtype=kind).data)
                    rewards.write(np.ascontiguousarray(episode.rewards, dtype=np.float32).data)
                    told.append((episode.seed, len(episode.frames), episode.ended))
                for file in (frames, actions, rewards):
                    file.flush()
                    os.fsync(file.fileno())
            text = json.dumps(
                {
                    "format": _FORMAT, "shape": self.shape, "numbers": self.numbers, "key": self.key,
                    "about": self.about, "episodes": told,
                }
            )  # fmt: skip
            write_bytes(path / _MANIFEST, text.encode())
        except BaseException as error:
            self._cut()
            if isinstance(error, OSError):
                raise cannot_write(path / "frames.u8", error) from error
            raise
        self.episodes = told

    def _files(self) -> dict[str, tuple[int, Any]]:
        """Return of each file the numbers a step and their type."""
        channels, height, width = self.shape
        action = (self.numbers, np.float32) if self.numbers else (1, np.int64)
        return {
            "frames.u8": (channels * height * width, np.uint8), "actions.bin": action, "rewards.f4": (1, np.float32),
        }  # fmt: skip

    def _cut(self, off: bool = True) -> None:
        """Cut off what the manifest does not name, if so.

        Raises:
            DataError: a file is shorter than the manifest says.
        """
        for name, (numbers, kind) in self._files().items():
            path, size = self.folder / name, self.steps * numbers * np.dtype(kind).itemsize
            there = path.stat().st_size if path.is_file() else 0
            if there < size:
                raise DataError(f"{path} is shorter than its manifest says; delete its folder to collect again")
            if there > size and off:
                os.truncate(path, size)

    def _array(self, name: str) -> NDArray[Any]:
        numbers, kind = self._files()[name]
        return np.memmap(self.folder / name, dtype=kind, mode="r", shape=(self.steps, numbers))

    def value(self, name: str, noise: Noise, held_out: float, these: Sequence[int] | None = None) -> Episodes:
        """Return the episodes, a share of them held out, at least one where there are two; or `these`, by number.

        Raises:
            DataError: there are none.
        """
        if not self.episodes:
            raise DataError(f"{name}: there are no episodes")
        lengths = np.array([steps for _, steps, _ in self.episodes], dtype=np.int64)
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        which = np.repeat(np.arange(len(lengths)), lengths)
        time = np.arange(len(which)) - starts[which]
        chosen = split(len(lengths), held_out, noise.stream("split"))
        if these is not None:
            chosen = np.array([number for number in these if 0 <= number < len(lengths)], dtype=np.int64)
        rewards = self._array("rewards.f4")[:, 0]
        actions = self._array("actions.bin")
        return Episodes(
            name=name,
            data=self._array("frames.u8").reshape(-1, *self.shape),
            columns={
                "episode": Column(which.astype(np.float32)),
                "time": Column(time.astype(np.float32)),
                "reward": Column(np.asarray(rewards)),
            },
            held_out=np.flatnonzero(np.isin(which, chosen)).astype(np.int64),
            fingerprint=fingerprint("episodes", self.key, self.episodes, chosen),
            actions=actions if self.numbers else actions[:, 0],
            rewards=rewards,
            starts=starts,
            ended=np.array([ended for _, _, ended in self.episodes], dtype=bool),
            seeds=np.array([seed for seed, _, _ in self.episodes], dtype=np.int64),
            about=self.about,
        )
