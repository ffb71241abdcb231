"""What a run folder remembers: which steps are complete, what they wrote, and which state belongs to which key.

`run.lock.json` says what is complete; `.gdl/<step>/key` says what a step's private state was begun with, so that losing
the lock file loses no checkpoint; `.gdl/begun.json` is there from a run's start to its report, so that one that was
killed is known. All are written to a temporary name and renamed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock, Timeout

from gdl_core.errors import InputError, StorageError
from gdl_core.media.atomic import sweep, write_bytes
from gdl_core.recipe.hashes import file_digest

LOCK = "run.lock.json"
STATE = ".gdl"
HELD = "run.lock"  # with a dot, so that no step has this name
BEGUN = "begun.json"  # no step can be called so
_FORMAT = 1


@dataclass
class RunFolder:
    """A run's folder on disk.

    Attributes:
        steps: of each complete step its key, and for each path of `save` the files written with their hashes.
    """

    path: Path
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Read what a folder remembers; a missing or unreadable lock file means that nothing is complete."""
        try:
            content = json.loads((path / LOCK).read_bytes())
            steps = content["steps"] if content["gdl"] == _FORMAT else {}
            return cls(path, steps if all(map(_is_entry, steps.values())) else {})
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return cls(path)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other runs out of the folder.

        Raises:
            InputError: another run is at work in it. StorageError: the folder cannot be made.
        """
        try:
            (self.path / STATE).mkdir(parents=True, exist_ok=True)
            if (self.path / STATE).is_symlink():
                raise InputError(f"{self.path / STATE} leads out of the run folder through a link; remove the link")
            file = self.path / STATE / HELD
            if file.is_symlink():
                file.unlink()
            lock = FileLock(file)
            lock.acquire(timeout=0)
        except Timeout:
            raise InputError(f"another run is at work in {self.path}; wait for it, or choose another --out") from None
        except OSError as error:
            why = error.strerror or error
            raise StorageError(f"{self.path}: cannot be made the run folder: {why}; choose another --out") from None
        try:
            sweep(self.path, STATE)
            yield
        finally:
            lock.release()

    def at_work(self) -> bool:
        """Return whether a run is at work in the folder. Asked only where one has begun: asking takes the lock."""
        file = self.path / STATE / HELD
        if file.is_symlink() or not file.is_file():
            return False
        try:
            with FileLock(file, timeout=0):
                return False
        except Timeout:
            return True
        except OSError:  # not ours to lock, as a folder of somebody else's
            return False

    def mark_begun(self, facts: Mapping[str, Any]) -> None:
        """Write what is known of a run at its start."""
        write_bytes(self.path / STATE / BEGUN, json.dumps(facts).encode())

    def mark_ended(self) -> None:
        """Forget that a run has begun: its report tells all."""
        with suppress(OSError):
            (self.path / STATE / BEGUN).unlink(missing_ok=True)

    def state(self, step: str) -> Path:
        """Return the folder of a step's private state."""
        return self.path / STATE / step

    def begin(self, step: str, key: str, fresh: bool = False) -> Path:
        """Return a step's state folder, kept if it was begun with the same key, else emptied."""
        folder = self.state(step)
        if fresh or self.begun(step) != key:
            if folder.is_symlink() or folder.is_file():
                folder.unlink()
            elif folder.exists():
                shutil.rmtree(folder)
            folder.mkdir(parents=True)
            write_bytes(folder / "key", key.encode())
        return folder

    def begun(self, step: str) -> str:
        """Return the key that a step's state was begun with; an empty string if there is none or it holds links.

        A run makes no links: those of a stranger's folder would lead what is written out of it.
        """
        try:
            folder = self.state(step)
            if folder.is_symlink() or any(path.is_symlink() for path in folder.rglob("*")):
                return ""
            return (folder / "key").read_text("utf-8")
        except (OSError, ValueError):
            return ""

    def complete(self, step: str, key: str, outputs: Mapping[str, list[Path]]) -> None:
        """Remember a step as done."""
        if self.begun(step) != key:  # somebody removed the folder while the step was at work
            write_bytes(self.state(step) / "key", key.encode())
        self.steps[step] = {
            "key": key,
            "outputs": {
                save: {path.relative_to(self.path).as_posix(): file_digest(path) for path in paths}
                for save, paths in outputs.items()
            },
        }
        self._write()

    def forget(self, step: str) -> None:
        """Remember a step as not done."""
        if self.steps.pop(step, None) is not None:
            self._write()

    def is_complete(self, step: str, key: str, save: tuple[str, ...]) -> bool:
        """Return whether a step was done with this key and all it should have saved is there, unchanged."""
        entry = self.steps.get(step)
        if entry is None or entry.get("key") != key or set(entry.get("outputs", ())) != set(save):
            return False
        try:
            files = self._files(step)
            return all((self.path / file).is_file() and file_digest(self.path / file) == told for file, told in files)
        except InputError:
            return False

    def outputs(self, step: str) -> list[Path]:
        """Return the files that a complete step wrote."""
        return [self.path / file for file, _ in self._files(step)]

    def _files(self, step: str) -> list[tuple[str, str]]:
        outputs = self.steps.get(step, {}).get("outputs", {})
        return [(file, digest) for files in outputs.values() for file, digest in files.items()]

    def _write(self) -> None:
        content = {"gdl": _FORMAT, "steps": self.steps}
        write_bytes(self.path / LOCK, (json.dumps(content, indent=1) + "\n").encode())


def _is_entry(entry: Any) -> bool:
    """Return whether this is what `complete` writes: a key, and files inside the run folder with their hashes."""
    files = [pair for named in entry["outputs"].values() for pair in named.items()]
    return isinstance(entry["key"], str) and all(
        isinstance(digest, str) and not PurePosixPath(file).is_absolute() and ".." not in PurePosixPath(file).parts
        for file, digest in files
    )
