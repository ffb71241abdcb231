"""Whether the optional packages of an extra are installed."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, requires, version

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[([^\]]*)\])?")


@lru_cache(maxsize=64)
def lacking_packages(package: str, extra: str) -> tuple[str, ...]:
    """Return those packages of `package[extra]` that are not installed; none where the package itself is not known."""
    try:
        lines = requires(package) or [] if package else []
    except PackageNotFoundError:
        return ()
    lacking: list[str] = []
    for line in lines:
        requirement, _, marker = line.partition(";")
        match = _REQUIREMENT.match(requirement)
        if match is None or not re.search(rf"""extra\s*==\s*["']{re.escape(extra)}["']""", marker):
            continue
        if match[1] == package:
            lacking += [
                name for inner in (match[2] or "").split(",") for name in lacking_packages(package, inner.strip())
            ]
            continue
        try:
            version(match[1])
        except PackageNotFoundError:
            lacking.append(match[1])
    return tuple(dict.fromkeys(lacking))
