"""What a dataset's builder is given, and what builders share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gdl_core.data.dataset import Dataset, fingerprint
from gdl_core.data.split import split
from gdl_core.data.truth import Truth
from gdl_core.forms import Form
from gdl_core.noise import Noise
from gdl_core.values import Column

YES_NO = ("no", "yes")
"""Category names of an attribute that a sample has or has not."""

_NOTES_TOLD = 20


class BuildContext(Protocol):
    """The surroundings of a builder `build(config, context) -> Dataset`; a step's context is one.

    Attributes:
        noise: the stream of this dataset.
        base: folder that relative paths start from.
        progress: call as progress(done, total); it may raise CancelledError.
    """

    @property
    def noise(self) -> Noise: ...

    @property
    def base(self) -> Path: ...

    @property
    def progress(self) -> Callable[..., None]: ...

    def note(self, text: str) -> None:
        """Add a sentence to the run's report."""


def finish(
    name: str,
    data: NDArray[Any],
    columns: Mapping[str, Column],
    context: BuildContext,
    *,
    held_out: float | NDArray[np.int64] = 0.1,
    digest: str = "",
    notes: Sequence[str] = (),
    truth: Truth | None = None,
    form: Form | None = None,
) -> Dataset:
    """Return the dataset, with its split drawn and its notes told.

    Args:
        name: name of the dataset.
        data: the samples.
        columns: what is known about them.
        context: gives the noise of the split and takes the notes.
        held_out: the indices to hold out, or the share to draw by noise.
        digest: hex digest of `data` where it is known already; otherwise the data are read through once.
        notes: sentences for the run's report; the first 20 are told, all are kept in the dataset.
        truth: the distribution that the samples were drawn from, where it is known.
        form: what samples are to a person, where they are not pictures; `digest` has to tell of it too.
    """
    chosen = split(len(data), held_out, context.noise.stream("split")) if isinstance(held_out, float) else held_out
    for note in notes[:_NOTES_TOLD]:
        context.note(note)
    if len(notes) > _NOTES_TOLD:
        context.note(f"{name}: {len(notes) - _NOTES_TOLD} more notes are kept with the dataset")
    key = fingerprint(name, list(data.shape), digest or data, dict(columns), chosen)
    return Dataset(name, data, columns, chosen, key, tuple(notes), truth, form)
