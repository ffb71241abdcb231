"""What building a dataset needs where there is no run: noise, a folder, and nobody who watches."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gdl_core.noise import Noise


@dataclass
class Surroundings:
    """A build context for scripts."""

    noise: Noise = field(default_factory=lambda: Noise(0))
    base: Path = Path()

    def progress(self, done: int, total: int) -> None:
        """Nobody watches."""

    def note(self, text: str) -> None:
        """Nobody listens."""
