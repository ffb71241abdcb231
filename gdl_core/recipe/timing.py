"""How long a step may take, from how long it took before. Said by `--dry-run`, never relied on."""

from __future__ import annotations

from typing import Any

from gdl_core.config import Duration


def spent(arguments: Any) -> str:
    """Return what a step's time goes into where its arguments say so, "40 epochs"; otherwise nothing."""
    duration = getattr(arguments, "duration", None)
    return str(duration) if isinstance(duration, Duration) else ""


def expected_seconds(seconds: float, then: str, now: str) -> float | None:
    """Return the seconds that a step took, scaled to its present duration; None where nothing is known.

    >>> expected_seconds(30.0, "10 epochs", "40 epochs"), expected_seconds(2.0, "", "")
    (120.0, 2.0)
    """
    if seconds <= 0:
        return None
    if now == then:
        return seconds
    try:
        old, new = Duration.parse(then), Duration.parse(now)
    except ValueError:
        return None
    return seconds * new.count / old.count if old.unit == new.unit else None
