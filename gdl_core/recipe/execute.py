"""Run a recipe: what is complete is left alone, what was begun goes on, what changed starts over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gdl_core import media
from gdl_core.errors import CancelledError, InputError, StorageError
from gdl_core.media.atomic import write_bytes
from gdl_core.processes import processes
from gdl_core.recipe.check import CheckedStep, Recipe
from gdl_core.recipe.choose import known, uncached, with_dependents, with_inputs
from gdl_core.recipe.compute import Surroundings, compute
from gdl_core.recipe.failures import ended, told
from gdl_core.recipe.follow import END, Follower
from gdl_core.recipe.hashes import FileHashes
from gdl_core.recipe.keep import keep, kept
from gdl_core.recipe.lock import RunFolder
from gdl_core.recipe.observers import Observer, Observers, PluginObserver
from gdl_core.recipe.plan import PlannedStep, make_plan
from gdl_core.recipe.record import make_record
from gdl_core.recipe.report import RunReport, StepReport, machine, write_report
from gdl_core.recipe.shared import SharedResults
from gdl_core.registry import Registry


@dataclass
class RunResult:
    """What a run did: its folder and a report of each step."""

    folder: Path
    steps: list[StepReport] = field(default_factory=list)

    @property
    def outputs(self) -> list[Path]:
        """Every file that the steps saved."""
        return [self.folder / output for step in self.steps for output in step.outputs]


def run_recipe(
    recipe: Recipe,
    folder: Path,
    registry: Registry,
    *,
    device: str = "",
    only: Iterable[str] = (),
    force: Iterable[str] = (),
    observer: Observer | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    shared: SharedResults | None = None,
) -> RunResult:
    """Run a recipe's steps in their order.

    Args:
        recipe: what `check_file` returned.
        folder: the run folder; made if it is not there.
        registry: the plugins.
        device: instead of the recipe's.
        only: run these steps and what they need.
        force: do these steps, and what depends on them, from the beginning.
        observer: is told what happens.
        cancelled: asked between steps, and by steps; true stops the run cleanly.
        shared: results of other runs to take from and to add to; None for neither.

    Raises:
        CancelledError: stopped; the same call goes on. InputError, GdlError: what a step could not do.
    """
    folder = folder.absolute()
    only, force = known(recipe, only), known(recipe, force)
    device = device or recipe.device
    _check_device(device)
    observer = observer or Observer()
    if processes()[1] == 1:
        return _lead(recipe, folder, registry, device, only, force, observer, cancelled, shared)
    from gdl_core.training.distributed import of_first, ranks

    with ranks() as here:
        if here.rank:
            plan = make_plan(recipe, registry, FileHashes.remembered(leave_out=folder))
            Follower(plan, folder, Surroundings(recipe.base, registry, device, cancelled), here).run()
            return RunResult(folder)

        def say(number: int) -> None:
            of_first(lambda: float(number), here)

        result = _lead(recipe, folder, registry, device, only, force, observer, cancelled, shared, say)
        say(END)
        return result


def _lead(
    recipe: Recipe,
    folder: Path,
    registry: Registry,
    device: str,
    only: Iterable[str],
    force: Iterable[str],
    observer: Observer,
    cancelled: Callable[[], bool],
    shared: SharedResults | None,
    say: Callable[[int], None] = lambda number: None,
) -> RunResult:
    """Run a recipe; `say` is called with the number of each step that other processes are to do, too."""
    run_folder = RunFolder.open(folder)
    with run_folder.held():
        run_folder = RunFolder.open(folder)
        plan = make_plan(recipe, registry, FileHashes.remembered(leave_out=folder))
        observers = Observers(observer, PluginObserver(registry, folder))
        tell = observers.progress, observers.note, observers.piece
        around = Surroundings(recipe.base, registry, device, cancelled, *tell)
        run = _Run(recipe, plan, run_folder, observers, around, shared, say)
        return run.all(with_inputs(recipe, only), with_dependents(recipe, force))


def _check_device(device: str) -> None:
    if device not in ("auto", "cpu"):
        from gdl_core.training.build import choose_device

        choose_device(device)


@dataclass
class _Run:
    recipe: Recipe
    plan: tuple[PlannedStep, ...]
    folder: RunFolder
    observers: Observers
    around: Surroundings
    shared: SharedResults | None
    say: Callable[[int], None]
    every_time: set[str] = field(default_factory=set)
    values: dict[str, Any] = field(default_factory=dict)
    reports: list[StepReport] = field(default_factory=list)

    def all(self, wanted: set[str], fresh: set[str]) -> RunResult:
        path = self.folder.path
        planned = [entry for entry in self.plan if entry.step.name in wanted]
        self.every_time = uncached(self.recipe)
        write_bytes(path / "recipe.yaml", self.recipe.text.encode())
        report = RunReport.begin(self.recipe, planned, self.reports)
        self.folder.mark_begun(
            {
                "title": report.title,
                "started": report.started,
                "planned": {entry.step.name: entry.key for entry in planned},
            }
        )
        began = time.perf_counter()
        self.observers.run_start(path, self.recipe.title, [entry.step.name for entry in planned])
        error: BaseException | None = None
        try:
            for index, entry in enumerate(planned):
                self._check_cancelled(entry.step)
                name = entry.step.name
                if name in fresh:
                    self.folder.forget(name)
                done = name not in self.every_time and self.folder.is_complete(name, entry.key, entry.step.save)
                if done:
                    self._unchanged(entry)
                else:
                    self._do(entry, fresh=name in fresh, outputs=True)
                later = {need for after in planned[index + 1 :] for need in after.step.inputs}
                self.values = {kept: value for kept, value in self.values.items() if kept in later}
        except BaseException as problem:
            error = problem
            raise
        finally:
            try:
                with suppress(*[StorageError] * (error is not None)):  # the first failure is the one to tell
                    report.seconds = round(time.perf_counter() - began, 3)
                    report.status, report.error = ended(error, path, self.recipe.base)
                    report.where = machine(self.around.device, path, self.around.registry)
                    write_report(path, report, self.recipe.base)
                    self.folder.mark_ended()
            except StorageError as problem:
                error = problem
                raise
            finally:
                self.observers.run_end(path, error)
        return RunResult(path, self.reports)

    def _check_cancelled(self, step: CheckedStep) -> None:
        if self.around.cancelled():
            raise CancelledError(f"stopped before step '{step.name}'; run the same command again to go on")

    def _unchanged(self, entry: PlannedStep) -> None:
        name = entry.step.name
        report = StepReport(name, entry.step.spec.name, "unchanged", key=entry.key)
        report.recall(self.folder.state(name))
        outputs = self.folder.outputs(name)
        report.outputs = [path.relative_to(self.folder.path).as_posix() for path in outputs]
        self.reports.append(report)
        self.observers.step_end(name, outputs, True, None)

    def _do(self, entry: PlannedStep, fresh: bool, outputs: bool) -> None:
        """Do one step, write what it saves, remember it; failures are told with the step's name."""
        step = entry.step
        report = StepReport(step.name, step.spec.name, key=entry.key)
        value = None if fresh else self._found(entry, report)
        inputs = {name: self._value(name) for name in step.inputs} if value is None else {}
        self.observers.step_start(step.name, step.spec.full_name)
        if report.status == "cached":
            self.observers.note(step.name, "taken from the cache; --no-cache makes it again")
        started = time.perf_counter()
        written: list[Path] = []
        error: BaseException | None = None
        try:
            state = self.folder.begin(step.name, entry.key, fresh)
            if value is None:
                if getattr(step.spec, "together", False):
                    self.say(self.plan.index(entry))
                value = compute(step, inputs, state, self.around, report.notes)
                if step.gives.kind == "model" or any(step.name in after.step.inputs for after in self.plan):
                    keep(value, state, make_record(self.recipe, entry, self.around.registry))
            self.values[step.name] = value
            if outputs:
                files = {save: self._write(value, save, entry) for save in step.save}
                written = [path for paths in files.values() for path in paths]
                report.tell(value, step.arguments)
                if report.status == "done":
                    report.seconds = round(time.perf_counter() - started, 3)
                report.keep(state)
                for save in step.save:
                    self._remark(value, save, report)  # of files, and not of what is kept
                if self.shared is not None and step.name not in self.every_time:
                    self.shared.put(entry.key, state, step.name, step.spec.full_name, report.seconds)
                self.folder.complete(step.name, entry.key, files)
        except BaseException as problem:
            report.status = "stopped" if isinstance(problem, CancelledError | KeyboardInterrupt) else "failed"
            error = told(problem, step, self.folder.path, self.around.registry)
            if error is problem:
                raise
            raise error from problem
        finally:
            if error is not None:
                report.seconds = round(time.perf_counter() - started, 3)
            report.outputs = [path.relative_to(self.folder.path).as_posix() for path in written]
            if outputs:
                self.reports.append(report)
            self.observers.step_end(step.name, written, not outputs and error is None, error)

    def _found(self, entry: PlannedStep, report: StepReport) -> Any:
        """Return what this run, or another one, has made of a step of this key already, or None."""
        name, state = entry.step.name, self.folder.state(entry.step.name)
        value = self._kept(entry)
        if value is None and self.shared is not None and name not in self.every_time and self.shared.has(entry.key):
            with suppress(OSError, StorageError):  # what is wrong with the folder is told when the step begins
                self.folder.begin(name, entry.key)
                if self.shared.take(entry.key, state):
                    value = self._kept(entry)
                    report.status = "cached"
        if value is not None:
            report.recall(state)
        return value

    def _value(self, name: str) -> Any:
        """Return an earlier step's result: read, or where it was not kept done again, without writing its outputs."""
        if name not in self.values:
            entry = next(entry for entry in self.plan if entry.step.name == name)
            value = self._kept(entry)
            if value is None:
                self._do(entry, fresh=False, outputs=False)
            else:
                self.values[name] = value
        return self.values[name]

    def _kept(self, entry: PlannedStep) -> Any:
        """Return what a step of the same key gave before, or None."""
        name = entry.step.name
        if name in self.every_time or self.folder.begun(name) != entry.key:
            return None
        return kept(entry.step.gives.kind, self.folder.state(name), self.around.registry)

    def _remark(self, value: Any, save: str, report: StepReport) -> None:
        """Tell what is to be told of a file's format, once."""
        told = media.remark(value.kind, save, self.around.registry)
        if told and told not in report.notes:
            report.notes.append(told)
            self.observers.note(report.name, told)

    def _write(self, value: Any, save: str, entry: PlannedStep) -> list[Path]:
        root = self.folder.path.resolve()
        target = self.folder.path / save
        if not (target.parent.resolve() / target.name).is_relative_to(root):
            raise InputError(f"'{save}' leads out of the run folder through a link; remove the link")
        return media.write(value, target, make_record(self.recipe, entry, self.around.registry), self.around.registry)
