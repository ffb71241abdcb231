"""What the tests of datasets share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gdl_core.noise import Noise


@dataclass
class Context:
    """The least that a builder needs."""

    noise: Noise = field(default_factory=lambda: Noise(7).stream("data"))
    base: Path = Path()
    notes: list[str] = field(default_factory=list)
    steps: list[tuple[int, int]] = field(default_factory=list)

    def progress(self, done: int, total: int, **parts: float) -> None:
        self.steps.append((done, total))

    def note(self, text: str) -> None:
        self.notes.append(text)
