"""How a run shows itself: bars on a terminal, lines elsewhere, JSON for programs."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

from gdl_core.errors import printable
from gdl_core.recipe import Observer

_SHOWN = 60  # letters of a line that has begun


class Display(Observer):
    """An observer that takes hold of the terminal inside a `with` block."""

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the terminal."""

    def say(self, text: str) -> None:
        """Show a line between runs."""
        click.echo(text)


class _Lines:
    """A text that comes in pieces, as whole lines."""

    def __init__(self) -> None:
        self.rest = ""

    def add(self, text: str) -> list[str]:
        """Take a piece; return the lines that are whole now."""
        *whole, self.rest = (self.rest + text).split("\n")
        return whole

    def end(self) -> list[str]:
        """Return what is left, as a line if there is any."""
        rest, self.rest = self.rest, ""
        return [rest] if rest else []


def _parts(parts: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in parts.items())


def _names(outputs: Sequence[Path]) -> str:
    names = [path.name for path in outputs]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


class PlainDisplay(Display):
    """One line for each step, and one for progress every few seconds."""

    every = 10.0

    def __init__(self) -> None:
        self._said = 0.0
        self._began = 0.0
        self._folder = Path()
        self._text = _Lines()

    def run_start(self, folder: Path, title: str, steps: Sequence[str]) -> None:
        self._folder = folder
        click.echo(title)

    def step_start(self, step: str, do: str) -> None:
        self._began = self._said = time.monotonic()
        click.echo(f"{step}: {do}")

    def progress(self, step: str, done: int, total: int, parts: dict[str, float]) -> None:
        now = time.monotonic()
        if now - self._said >= self.every and done:
            self._said = now
            left = (now - self._began) / done * (total - done)
            click.echo(f"{step}: {done}/{total}  {_parts(parts)}  {left:.0f} s left")

    def note(self, step: str, text: str) -> None:
        click.echo(f"{step}: {text}")

    def piece(self, step: str, text: str) -> None:
        for line in self._text.add(text):
            click.echo(line)

    def step_end(self, step: str, outputs: list[Path], cached: bool, error: BaseException | None) -> None:
        for line in self._text.end():
            click.echo(line)
        if error is None:
            what = "unchanged" if cached else f"done in {time.monotonic() - self._began:.1f} s"
            click.echo(f"{step}: {what}{': ' if outputs else ''}{_names(outputs)}")

    def run_end(self, folder: Path, error: BaseException | None) -> None:
        if error is None:
            click.echo(f"report: {_short(folder / 'report.html')}")


class JsonDisplay(Display):
    """Each event as one JSON object on a line of stdout; progress at most ten times a second."""

    def __init__(self) -> None:
        self._said = 0.0

    def _say(self, event: str, **facts: Any) -> None:
        click.echo(json.dumps({"event": event, **facts}))

    def say(self, text: str) -> None:
        self._say("note", step="", text=text)

    def run_start(self, folder: Path, title: str, steps: Sequence[str]) -> None:
        self._say("run_start", folder=str(folder), title=title, steps=list(steps))

    def step_start(self, step: str, do: str) -> None:
        self._say("step_start", step=step, do=do)

    def progress(self, step: str, done: int, total: int, parts: dict[str, float]) -> None:
        now = time.monotonic()
        if now - self._said < 0.1 and done < total:
            return
        self._said = now
        self._say("progress", step=step, done=done, total=total, parts=parts)

    def note(self, step: str, text: str) -> None:
        self._say("note", step=step, text=text)

    def piece(self, step: str, text: str) -> None:
        self._say("piece", step=step, text=text)

    def step_end(self, step: str, outputs: list[Path], cached: bool, error: BaseException | None) -> None:
        told = None if error is None else str(error)
        self._say("step_end", step=step, outputs=[str(path) for path in outputs], cached=cached, error=told)

    def run_end(self, folder: Path, error: BaseException | None) -> None:
        self._say("run_end", folder=str(folder), error=None if error is None else str(error))


class RichDisplay(Display):
    """A bar for the step at work, with the parts of the loss and the time left."""

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.console = console or Console()
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[parts]}", markup=False),
            console=self.console,
            transient=True,
        )
        self._task: Any = None
        self._began = 0.0
        self._text = _Lines()

    def __enter__(self) -> Display:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False)

    def run_start(self, folder: Path, title: str, steps: Sequence[str]) -> None:
        self.console.print(title, style="bold", markup=False, highlight=False)

    def step_start(self, step: str, do: str) -> None:
        self._began = time.monotonic()
        self._clear()
        self._task = self.bars.add_task(step, total=None, parts="")

    def progress(self, step: str, done: int, total: int, parts: dict[str, float]) -> None:
        if self._task is not None:
            shown = _parts(parts) or self._text.rest[-_SHOWN:]
            self.bars.update(self._task, completed=done, total=total, parts=shown)

    def note(self, step: str, text: str) -> None:
        self.console.print(f"  {step}: {text}", style="yellow", markup=False, highlight=False)

    def piece(self, step: str, text: str) -> None:
        """Show whole lines above the bar; what has begun stands beside it."""
        for line in self._text.add(text):
            self.say(line)

    def step_end(self, step: str, outputs: list[Path], cached: bool, error: BaseException | None) -> None:
        for line in self._text.end():
            self.say(line)
        self._clear()
        if error is None:
            took = "unchanged" if cached else f"{time.monotonic() - self._began:.1f} s"
            self.console.print(f"{step:12} {took:>10}  {_names(outputs)}", markup=False, highlight=False)

    def run_end(self, folder: Path, error: BaseException | None) -> None:
        if error is None:
            self.console.print(f"report: {_short(folder / 'report.html')}", markup=False, highlight=False)

    def _clear(self) -> None:
        if self._task is not None:
            self.bars.remove_task(self._task)
            self._task = None


def _short(path: Path) -> str:
    """Return a path for people, relative to the current folder where it lies inside."""
    here = Path.cwd()
    return printable(str(path.relative_to(here) if path.is_relative_to(here) else path))
