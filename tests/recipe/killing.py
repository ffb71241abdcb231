"""Kill a run at the nth thing that it does to a file of its folder, and tell whether what it left there is whole.

As a program it is the run that is killed: `python killing.py FOLDER LOG AT EVERY run RECIPE …`. LOG gets a line for
each thing done to a file; the process kills itself at line AT (0: never) and makes a checkpoint every EVERY steps. With
several numbers for AT, `7,12`, each is a run of its own, `{at}` in the other words stands for its number, and all are
forks of one process, which is quick.
"""

from __future__ import annotations

import builtins
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

WORDS = {
    "write": "half of it written",
    "fsync": "written, not synced",
    "rename": "synced, not renamed",
    "renamed": "just renamed",
    "remove": "about to be removed",
}
_RANDOM = re.compile(r"\.gdl-part-[0-9a-f]{8}-|\.(?=checkpoint-)|\.\d+\.tmp\Z")


@dataclass(frozen=True)
class Event:
    """One thing done to a file: its number in the run, what is done, and the file's path in the run folder."""

    number: int
    what: str
    file: str

    @property
    def kind(self) -> str:
        """What sort of file it is."""
        for kind, pattern in _KINDS:
            if re.search(pattern, self.file):
                return kind
        return "output"

    def __str__(self) -> str:
        return f"{self.file}: {WORDS[self.what]}"


_KINDS = (
    ("checkpoint", r"checkpoint-"), ("lock", r"\Arun\.lock"), ("key", r"\A\.gdl/[^/]+/key"), ("state", r"\A\.gdl/"),
    ("report", r"\Areport"), ("recipe", r"\Arecipe"), ("model", r"\.gdl\Z"),
)  # fmt: skip


class Killed:
    """A run in a process of its own that can kill itself."""

    def __init__(
        self, folder: Path, log: Path, arguments: Sequence[str], at: Iterable[int] = (0,), every: int = 20
    ) -> None:
        numbers = ",".join(map(str, at))
        command = [sys.executable, __file__, str(folder), str(log), numbers, str(every), *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def wait(self, seconds: float | None = None) -> int:
        """Wait for its end, or kill it after some seconds; return the exit code."""
        try:
            self.told = self.process.communicate(timeout=seconds)[1]
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.told = self.process.communicate()[1]
        return self.process.returncode


def events(log: Path) -> list[Event]:
    """Return what a run did to files."""
    lines = [line.split("\t") for line in log.read_text().splitlines()] if log.exists() else []
    return [Event(number, what, file) for number, (what, file) in enumerate(lines, 1)]


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file that a run gives, hidden ones too, without the reports and the private state."""
    return {
        name: path.read_bytes()
        for name, path in _files(folder)
        if not name.startswith((".gdl/", "report."))
    }  # fmt: skip


def temporary(folder: Path) -> list[str]:
    """Return the temporary files that lie in a run folder."""
    return [name for name, _ in _files(folder) if name.rpartition("/")[2].startswith(".")]


def wounds(folder: Path, whole: Path) -> list[str]:
    """Return what is wrong with the files under a final name, beside those of an undisturbed run."""
    return [f"{name}: {told}" for name, path in _files(folder) if (told := _wound(name, path, whole))]


def _wound(name: str, path: Path, whole: Path) -> str:
    from gdl_core.errors import GdlError
    from gdl_core.training.checkpoint import load

    last = path.name
    if last.startswith(".") or last in ("log.jsonl", "run.lock"):  # the log is begun again from the checkpoint
        return ""
    try:
        if last.startswith("checkpoint-"):
            load(path)
        elif name == "run.lock.json":
            mine, theirs = (json.loads(file.read_bytes())["steps"] for file in (path, whole / name))
            return "" if mine.items() <= theirs.items() else "says other things"
        elif last in ("result.json", "report.json", "begun.json"):
            json.loads(path.read_bytes())
        elif name.startswith("report."):
            return "" if path.read_bytes().endswith(b"\n") else "is cut short"
        elif path.read_bytes() != (whole / name).read_bytes():
            return "differs"
    except (OSError, ValueError, KeyError, GdlError) as error:
        return f"cannot be read: {error}"
    return ""


def complete(folder: Path) -> int:
    """Return how many steps a run folder remembers as complete."""
    try:
        return len(json.loads((folder / "run.lock.json").read_bytes())["steps"])
    except (OSError, ValueError):
        return 0


def _files(folder: Path) -> list[tuple[str, Path]]:
    return [(path.relative_to(folder).as_posix(), path) for path in sorted(folder.rglob("*")) if path.is_file()]


# What follows runs in the process that is killed.


def _watch(folder: Path, log: Path, at: int) -> None:
    """Write down what is done to files of a folder, and die at the line `at`."""
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    real_open, real_fsync = builtins.open, os.fsync
    count = 0
    inside = False

    def place(file: Any) -> str | None:
        path = Path(f"/proc/self/fd/{file}").readlink() if isinstance(file, int) else Path(file).absolute()
        return None if path.is_dir() or not path.is_relative_to(folder) else path.relative_to(folder).as_posix()

    def due(what: str, file: Any) -> bool:
        nonlocal count
        name = place(file)
        if name is None or name == ".gdl/run.lock":
            return False
        count += 1
        os.write(out, f"{what}\t{_RANDOM.sub('', name)}\n".encode())
        return count == at

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def opening(file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
        stream = real_open(file, mode, *rest, **named)
        if not set(mode) & set("wax+") or place(stream.fileno()) is None:
            return stream
        write = stream.write

        def halfway(data: Any) -> int:
            if due("write", stream.fileno()):
                write(data[: len(data) // 2])
                stream.flush()
                die()
            return int(write(data))

        stream.write = halfway
        return stream

    def fsync(file: Any) -> None:
        if due("fsync", file):
            die()
        real_fsync(file)

    def moving(real: Any) -> Any:
        def move(source: Any, target: Any, **named: Any) -> Any:
            nonlocal inside
            if inside:  # Path.replace calls os.replace
                return real(source, target, **named)
            inside = True
            try:
                if due("rename", target):
                    die()
                moved = real(source, target, **named)
                if due("renamed", target):
                    die()
                return moved
            finally:
                inside = False

        return move

    unlink = Path.unlink

    def removing(path: Path, missing_ok: bool = False) -> None:
        if path.exists() and due("remove", path):
            die()
        unlink(path, missing_ok=missing_ok)

    patched: Any = SimpleNamespace(io=io, builtins=builtins, os=os, Path=Path)
    patched.io.open = patched.builtins.open = opening
    patched.os.fsync = fsync
    patched.os.replace, patched.os.rename = moving(os.replace), moving(os.rename)
    patched.Path.replace, patched.Path.rename = moving(Path.replace), moving(Path.rename)
    patched.Path.unlink = removing


def _save_often(every: int) -> None:
    """Let the clocks of both loops tick by steps, so that each run makes its checkpoints at the same ones."""
    from gdl_core.training import evolve, loop
    from gdl_core.training.config import TrainingConfig

    def ticking(tick: float) -> Any:
        ticks = count()
        return SimpleNamespace(monotonic=lambda: tick * next(ticks))

    loop.time = ticking(TrainingConfig.model_fields["checkpoint_seconds"].default / every)
    evolve.time = ticking(evolve.EvolutionConfig.model_fields["keep_seconds"].default)  # each generation


def _main() -> None:
    folder, log, numbers, every, *arguments = sys.argv[1:]
    sys.path.pop(0)  # the folder of this file, whose other modules nobody asked for
    from gdl_cli.main import main

    _save_often(int(every))
    for at in numbers.split(","):
        words = [word.replace("{at}", at) for word in (str(Path(folder).absolute()), log, *arguments)]
        if at != numbers and (child := os.fork()):
            os.waitpid(child, 0)
            continue
        Path(words[1]).unlink(missing_ok=True)
        _watch(Path(words[0]), Path(words[1]), int(at))
        main(words[2:])


if __name__ == "__main__":
    _main()
