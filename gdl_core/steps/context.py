"""What a step (or the builder of a dataset) is given besides its arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gdl_core.errors import CancelledError
from gdl_core.noise import Noise

if TYPE_CHECKING:
    from gdl_core.registry import Registry


def _silent(done: int, total: int, **parts: float) -> None:
    """Progress that nobody watches."""


@dataclass
class StepContext:
    """The surroundings of one step.

    Attributes:
        name: the step's name in the recipe.
        noise: the step's own stream; its `seed` is the recipe's or the step's.
        folder: private state of this step (checkpoints, previews); kept between runs with the same key, else emptied.
        base: folder that relative paths of the recipe start from.
        device: "auto", "cpu", "cuda" …
        progress: call as progress(done, total, **losses).
        cancelled: true once the user has asked to stop.
        notes: sentences for the run's report.
        piece: call with each piece of a text as it is made, for whoever looks on.
    """

    name: str
    noise: Noise
    folder: Path
    base: Path
    registry: Registry
    device: str = "auto"
    progress: Callable[..., None] = _silent
    cancelled: Callable[[], bool] = lambda: False
    notes: list[str] = field(default_factory=list)
    piece: Callable[[str], None] = lambda text: None

    def note(self, text: str) -> None:
        """Add a sentence to the run's report."""
        self.notes.append(text)

    def check_cancelled(self) -> None:
        """Raise CancelledError if the user has asked to stop."""
        if self.cancelled():
            raise CancelledError(f"stopped in step '{self.name}'; run the same command again to go on")
