"""What a page that people pass on must not tell: where things lie on this machine, and so whose it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from gdl_core.files import cache_folder


def impersonal(folder: Path, base: Path) -> Callable[[str], str]:
    """Return what takes paths of this machine out of a text; below the run or the recipe they become relative.

    >>> hide = impersonal(Path("/at/home/runs/digits"), Path("/at/home"))
    >>> hide("/at/home/runs/digits/a.png: no room in /at/home/runs/digits"), hide("/at/home/in.png, /at/home2")
    ('a.png: no room in the run folder', 'in.png, /at/home2')
    """
    words: dict[str, tuple[str, str]] = {}
    with_cache = [(cache_folder(), "the cache/", "the cache"), (Path.home(), "~/", "~")]
    for path, inside, alone in [(folder, "", "the run folder"), (base, "", "the recipe's folder"), *with_cache]:
        for form in (path.absolute(), path.resolve()):
            if len(form.parts) > 1:  # "/" would be found everywhere
                words.setdefault(str(form), (inside, alone))
                words.setdefault(form.as_posix(), (inside, alone))
    longest_first = sorted(words, key=len, reverse=True)
    pattern = re.compile(f"({'|'.join(map(re.escape, longest_first))})" + r"(?:([/\\])|(?![\w-]))")

    def replace(found: re.Match[str]) -> str:
        inside, alone = words[found[1]]
        return inside if found[2] else alone

    return lambda text: pattern.sub(replace, text) if words else text
