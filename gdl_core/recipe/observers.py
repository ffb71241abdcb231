"""Who watches a run: the command line's display, and the plugins' observer hooks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gdl_core.errors import printable
from gdl_core.registry import Registry


class Observer:
    """Is told what a run does; override what you care for."""

    def run_start(self, folder: Path, title: str, steps: Sequence[str]) -> None:
        """A run of these steps begins."""

    def step_start(self, step: str, do: str) -> None:
        """A step begins."""

    def progress(self, step: str, done: int, total: int, parts: dict[str, float]) -> None:
        """A step has done `done` of `total` units; `parts` are losses."""

    def note(self, step: str, text: str) -> None:
        """A step says something for the report."""

    def piece(self, step: str, text: str) -> None:
        """A step has made a piece of a text."""

    def step_end(self, step: str, outputs: list[Path], cached: bool, error: BaseException | None) -> None:
        """A step ended, was found unchanged (`cached`), or failed."""

    def run_end(self, folder: Path, error: BaseException | None) -> None:
        """The run ended."""


class PluginObserver(Observer):
    """Passes everything on to the hooks of plugins; what they raise is logged and the run goes on."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        self.registry = registry
        self.folder = folder

    def run_start(self, folder: Path, title: str, steps: Sequence[str]) -> None:
        self.registry.notify("gdl_run_start", folder=folder, recipe=title)

    def step_start(self, step: str, do: str) -> None:
        self.registry.notify("gdl_step_start", folder=self.folder, step=step, do=do)

    def progress(self, step: str, done: int, total: int, parts: dict[str, float]) -> None:
        self.registry.notify("gdl_progress", step=step, done=done, total=total, parts=dict(parts))

    def step_end(self, step: str, outputs: list[Path], cached: bool, error: BaseException | None) -> None:
        self.registry.notify(
            "gdl_step_end", folder=self.folder, step=step, outputs=list(outputs), cached=cached, error=error
        )

    def run_end(self, folder: Path, error: BaseException | None) -> None:
        self.registry.notify("gdl_run_end", folder=folder, error=error)


class Observers(Observer):
    """Tells several observers, one after another; of a note what a terminal could obey is made visible."""

    def __init__(self, *observers: Observer) -> None:
        self.observers = observers

    def run_start(self, folder: Path, title: str, steps: Sequence[str]) -> None:
        for observer in self.observers:
            observer.run_start(folder, title, steps)

    def step_start(self, step: str, do: str) -> None:
        for observer in self.observers:
            observer.step_start(step, do)

    def progress(self, step: str, done: int, total: int, parts: dict[str, float]) -> None:
        for observer in self.observers:
            observer.progress(step, done, total, parts)

    def note(self, step: str, text: str) -> None:
        for observer in self.observers:
            observer.note(step, printable(text))

    def piece(self, step: str, text: str) -> None:
        for observer in self.observers:
            observer.piece(step, printable(text, keep="\n"))

    def step_end(self, step: str, outputs: list[Path], cached: bool, error: BaseException | None) -> None:
        for observer in self.observers:
            observer.step_end(step, outputs, cached, error)

    def run_end(self, folder: Path, error: BaseException | None) -> None:
        for observer in self.observers:
            observer.run_end(folder, error)
