"""What samples are to a person, where they are neither pictures nor plain numbers: texts, notes. No torch is imported.

Models and datasets hold samples as arrays of numbers. A form turns those into a value that can be read, saved and
looked at, and back: the codes of letters into a text, a grid of pitches into notes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gdl_core.errors import DataError
from gdl_core.specs import Kind


class Form(Protocol):
    """How samples of a dataset, and of the models that learn from it, are shown."""

    @property
    def kind(self) -> Kind:
        """Return the kind of value that samples are shown as."""

    def told(self) -> dict[str, Any]:
        """Return all that the numbers mean, as plain JSON: forms that tell the same read the same."""

    def show(self, samples: NDArray[np.float32]) -> Any:
        """Return samples (n, *data shape) as one value."""

    def read(self, value: Any) -> NDArray[np.float32]:
        """Return a value of this kind as samples, (n, *data shape).

        Raises:
            DataError: it cannot be put so.
        """

    def beside(self, rows: Sequence[Any], names: Sequence[str]) -> Any:
        """Return several values, each of as many samples, as one that shows them beside each other, by name."""


def need_same_form(mine: Form | None, other: Form | None, what: str) -> None:
    """Check that numbers of one owner mean to another what they mean to it: that a letter has one code in both.

    Args:
        mine: of a model.
        other: of a dataset, or of another model.
        what: both, in words.

    Raises:
        DataError: they mean other things.
    """
    if mine is other or (mine is not None and other is not None and mine.told() == other.told()):
        return
    if mine is None or other is None or mine.kind != other.kind:
        raise DataError(f"{what} are of different kinds: texts, notes and pictures do not go together")
    raise DataError(f"{what} have other codes for their {mine.kind}; train on these data, or take the model's own")
