"""Numbers in the words of people."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Return a time with two parts at most.

    >>> duration(0.4), duration(75), duration(3 * 3600 + 61)
    ('0.4 s', '1 min 15 s', '3 h 1 min')
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(count: float) -> str:
    """Return a number of bytes.

    >>> size(512), size(1_500_000), size(2.5e9)
    ('512 B', '1.5 MB', '2.5 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
