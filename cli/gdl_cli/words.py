"""Numbers in the words of people."""

from __future__ import annotations

from gdl_core.recipe.words import duration, size

__all__ = ["duration", "size"]
