"""What samples are to a person, where they are neither pictures nor plain numbers: texts, notes. No torch is imported.

Models and datasets hold samples as arrays of numbers. A form turns those into a value that can be read, saved and
looked at, and back: the codes of letters into a text, a grid of pitches into notes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gdl_core.specs import Kind


class Form(Protocol):
    """How samples of a dataset, and of the models that learn from it, are shown."""

    @property
    def kind(self) -> Kind:
        """Return the kind of value that samples are shown as."""

    def show(self, samples: NDArray[np.float32]) -> Any:
        """Return samples (n, *data shape) as one value."""

    def read(self, value: Any) -> NDArray[np.float32]:
        """Return a value of this kind as samples, (n, *data shape).

        Raises:
            DataError: it cannot be put so.
        """

    def beside(self, rows: Sequence[Any], names: Sequence[str]) -> Any:
        """Return several values, each of as many samples, as one that shows them beside each other, by name."""
