"""How a failure is told: one line that names the step, and whose fault it is."""

from __future__ import annotations

import errno
import os
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Literal

from gdl_core.errors import CancelledError, GdlError, StorageError
from gdl_core.files import FULL, cache_folder, cannot_write
from gdl_core.media.atomic import write_bytes
from gdl_core.recipe.check import CheckedStep
from gdl_core.recipe.impersonal import impersonal
from gdl_core.registry import Registry


class StepBugError(GdlError):
    """A step raised what no user can mend; the traceback is in `error.log`."""


def told(problem: BaseException, step: CheckedStep, folder: Path, registry: Registry) -> BaseException:
    """Return a failure as one line that names the step; what is nobody's input is a bug, and its plugin is named."""
    if isinstance(problem, CancelledError):
        return problem
    if isinstance(problem, GdlError):
        problem.args = (f"step '{step.name}': {problem}", *problem.args[1:])
        return problem
    if isinstance(problem, OSError) and (storage := _storage(problem, folder)):
        return StorageError(f"step '{step.name}': {storage}")
    if isinstance(problem, MemoryError):
        return GdlError(f"step '{step.name}': out of memory; try smaller pictures, a smaller batch or fewer frames")
    if not isinstance(problem, Exception):
        return problem
    log = folder / "error.log"
    with suppress(StorageError):  # the failure itself is the one to tell
        write_bytes(log, "".join(traceback.format_exception(problem)).encode("utf-8", "replace"))
    first = (str(problem).strip().splitlines() or [""])[0][:200]
    plugin = registry.blame(problem) or step.spec.plugin
    return StepBugError(
        f"step '{step.name}': {type(problem).__name__}: {first}; this is a bug in plugin '{plugin}', "
        f"and the traceback is in {log.name} of the run folder"
    )


def _storage(problem: OSError, folder: Path) -> StorageError | None:
    """Return what the disk refused to a step: room anywhere, or a file in the run folder; None for another failure."""
    named = problem.filename2 or problem.filename
    path = Path(os.fsdecode(named)) if isinstance(named, str | bytes) else None
    if path is not None and (problem.errno in FULL or path.is_relative_to(folder)):
        return cannot_write(path, problem)
    if problem.errno in {*FULL, errno.EROFS}:
        return StorageError(f"{problem.strerror}; make room in {folder} and in {cache_folder()}, and run again")
    return None


def ended(error: BaseException | None, folder: Path, base: Path) -> tuple[Literal["done", "failed", "stopped"], str]:
    """Return how a run ended, and why in one line that names no path of this machine."""
    if error is None:
        return "done", ""
    text = str(error) if isinstance(error, GdlError) else f"{type(error).__name__}: {error}".removesuffix(": ")
    line = impersonal(folder, base)("; ".join(part.strip() for part in text.splitlines() if part.strip()))
    if isinstance(error, CancelledError | KeyboardInterrupt):
        return "stopped", line if isinstance(error, CancelledError) else "stopped at once"
    return "failed", line
