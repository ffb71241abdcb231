"""`gdl runs`: the run folders below a folder, and how each run ended."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from gdl_cli.tables import show_table
from gdl_cli.words import duration, size
from gdl_core.errors import InputError
from gdl_core.explain import printable
from gdl_core.recipe.lock import BEGUN, STATE, RunFolder

_DEPTH = 2  # a sweep has its runs one level further down
_COMPLETE = ("done", "unchanged", "cached")


@dataclass(frozen=True)
class FoundRun:
    """What is known of a run folder.

    Attributes:
        name: its path below the folder that was asked for.
        status: done, failed, stopped, at work, unfinished (it was killed), or damaged.
        started: ISO 8601, UTC; where nothing tells, when the folder was changed.
        seconds: what the steps took when they were done, or since a run at work began; None where that is not known.
        done, steps: how many steps are complete, of how many.
        size: bytes of all files.
        error: why it failed or was stopped.
    """

    name: str
    title: str
    status: str
    started: str
    seconds: float | None
    done: int
    steps: int
    size: int
    error: str = ""


@click.command()
@click.argument("folder", default="runs", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def runs(folder: Path, as_json: bool) -> None:
    """List the runs below FOLDER (if none is given: runs), those of sweeps too, the newest first.

    A run is done, failed, stopped, at work, or unfinished: killed before it could say how it ended. Running its recipe
    again goes on with it.
    """
    if not folder.is_dir():
        hint = "gdl run makes it" if folder == Path("runs") else "give one that has run folders"
        raise InputError(f"there is no folder {folder}; {hint}")
    found = sorted(find_runs(folder), key=lambda run: (run.started, run.name), reverse=True)
    if as_json:
        for run in found:
            click.echo(json.dumps(asdict(run)))
        return
    if not found:
        click.echo(f"no runs below {folder}")
        return
    header = ("run", "status", "when", "took", "steps", "size", "title")
    show_table(header, [_row(run) for run in found])


def find_runs(folder: Path) -> Iterator[FoundRun]:
    """Yield the runs in a folder and below it; what is no run folder is passed over."""
    for path in _folders(folder, _DEPTH):
        name = path.relative_to(folder).as_posix() if path != folder else path.absolute().name
        run = read_run(path, name)
        if run is not None:
            yield run


def read_run(path: Path, name: str) -> FoundRun | None:
    """Return what is known of a run folder; None of a folder that is none."""
    begun = _read(path / STATE / BEGUN)
    report = _read(path / "report.json")
    has_state = os.path.isdir(path / STATE)  # noqa: PTH112  Path.is_dir raises where one may not look
    if begun is not None:
        return _begun(path, name, begun)
    if report is None:
        if not has_state or not os.path.isfile(path / "recipe.yaml"):  # noqa: PTH113
            return None
        return FoundRun(name, "", "unfinished", _changed(path), None, 0, 0, _size(path))
    return _reported(path, name, report) if has_state or "gdl" in report else None


def _begun(path: Path, name: str, begun: dict[str, Any]) -> FoundRun:
    """Return what is known of a run that has begun and written no report yet."""
    folder = RunFolder.open(path)
    at_work = folder.at_work()
    planned = begun.get("planned")
    keys = planned if isinstance(planned, dict) else {}
    done = sum(folder.steps.get(step, {}).get("key") == key for step, key in keys.items())
    started = _time(begun.get("started"))
    seconds = None
    if at_work and started:
        seconds = round(max(0.0, (datetime.now(timezone.utc) - started).total_seconds()), 3)
    status = "at work" if at_work else "unfinished"
    when = _iso(started) if started else _changed(path)
    return FoundRun(name, _text(begun.get("title")), status, when, seconds, done, len(keys), _size(path))


def _reported(path: Path, name: str, report: dict[str, Any]) -> FoundRun:
    """Return what a report tells; one of an earlier gdl tells less, and a damaged one next to nothing."""
    steps = report.get("steps")
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        return FoundRun(name, _text(report.get("title")), "damaged", _changed(path), None, 0, 0, _size(path))
    ends = [step.get("status") for step in steps]
    told = report.get("status")
    known = told if told in ("done", "failed", "stopped") else None
    status = known or next((end for end in ends if end in ("failed", "stopped")), "done")
    started = _time(report.get("started"))
    times = [step.get("seconds") for step in steps]
    planned = report.get("planned")
    return FoundRun(
        name,
        _text(report.get("title")),
        status,
        _iso(started) if started else _changed(path / "report.json"),
        round(sum(time for time in times if isinstance(time, int | float)), 3),
        sum(end in _COMPLETE for end in ends),
        len(planned) if isinstance(planned, list) else len(steps),
        _size(path),
        _text(report.get("error")),
    )


def _row(run: FoundRun) -> tuple[str, ...]:
    when = _time(run.started)
    told = when.astimezone().strftime("%Y-%m-%d %H:%M") if when else ""
    took = duration(run.seconds) if run.seconds is not None else ""
    steps = f"{run.done}/{run.steps}" if run.steps else ""
    return printable(run.name), run.status, told, took, steps, size(run.size), printable(run.title)


def _folders(folder: Path, depth: int) -> Iterator[Path]:
    yield folder
    if not depth:
        return
    try:
        inside = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return
    for path in inside:
        yield from _folders(path, depth - 1)


def _read(path: Path) -> dict[str, Any] | None:
    """Return a JSON object; an empty one of a file that holds none, None where there is no file."""
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _time(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (TypeError, ValueError, OverflowError):
        return None


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="seconds")


def _changed(path: Path) -> str:
    try:
        return _iso(datetime.fromtimestamp(path.stat().st_mtime, timezone.utc))
    except (OSError, ValueError, OverflowError):
        return ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _size(folder: Path) -> int:
    """Return the bytes of all files below a folder, of several names for one file once."""
    seen: dict[tuple[int, int], int] = {}
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                facts = (Path(place) / name).lstat()
            except OSError:
                continue
            seen[facts.st_dev, facts.st_ino] = facts.st_size
    return sum(seen.values())
