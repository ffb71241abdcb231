"""One class for each thing that a user can mend.

Every message says in one line what is wrong, where, why, and what to try. The command line prints it without a
traceback and leaves with `exit_code`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


class GdlError(Exception):
    """A fault that the user can mend; `str()` is the whole message."""

    exit_code = 1


class InputError(GdlError):
    """Something that the user gave (an option, a file, a value) cannot be used. Raised before work starts."""

    exit_code = 2


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a recipe: where it stands and how to mend it. Lines and columns count from 1."""

    message: str
    file: str = ""
    line: int | None = None
    column: int | None = None
    source: str = ""

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.file, self.line, self.column) if part not in ("", None))
        text = f"{where} {self.message}" if where else self.message
        if self.source and self.column:
            text += f"\n    {self.source}\n    {' ' * (self.column - 1)}^"
        return text


class RecipeError(InputError):
    """A recipe cannot run; carries every fault found in it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class UnknownNameError(InputError):
    """A model, step, dataset, format, measure, recipe or column of that name is not known."""


class AmbiguousNameError(InputError):
    """Two plugins offer the name; say `plugin/name`."""


class PluginError(InputError):
    """A plugin that is needed could not be loaded, or breaks its contract."""


class MissingExtraError(InputError):
    """An optional library is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra '{extra}': pip install 'gdl-toolkit[{extra}]'")


class DataError(InputError):
    """A dataset, folder or file cannot be read as what it is said to be."""


class RoleError(InputError):
    """A model is asked for something that it does not do."""


class MediaError(InputError):
    """A picture, film, sound or table cannot be read or written."""


class CheckpointError(InputError):
    """A checkpoint or model file cannot be read, or was written for something else."""


class StorageError(GdlError):
    """The disk is full or may not be written."""


class TrainingError(GdlError):
    """Training cannot go on: divergence, a value that is not finite, or a collapse that was asked to be fatal."""


class CancelledError(GdlError):
    """Stopped by the user; running the same command again goes on from the last checkpoint."""

    exit_code = 130


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `"; did you mean 'latent'?"` for the nearest known word, or an empty string."""
    near = get_close_matches(word, sorted(set(known)), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""


def printable(text: str, keep: str = "") -> str:
    """Return a text with what a terminal could obey (escapes, bells, odd line ends) made visible, save for `keep`.

    >>> printable("red: \\x1b[31m")
    'red: \\\\x1b[31m'
    """
    return "".join(c if c.isprintable() or c in keep else repr(c)[1:-1] for c in text)
