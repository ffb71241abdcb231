"""Verses of the King James Bible, and first names: short texts, a line each."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import zlib
from pathlib import Path

from gdl_core.data.building import BuildContext
from gdl_core.data.dataset import Dataset
from gdl_core.errors import DataError
from gdl_text.config import NamesConfig, VersesConfig
from gdl_text.corpus import Cut, Document, read_text, sentences

NAMES = Path("/usr/share/dict/propernames.gz")
"""Where Debian's package miscfiles puts its names."""

_WHOLE = "gen1:1-rev22:21"
_FIRST_OF_NEW = "Mat"
_VERSE = re.compile(r"([A-Za-z0-9]+?)(\d+):(\d+) (.+)")
_PATIENCE = 60.0


def build(config: VersesConfig, context: BuildContext) -> Dataset:
    """Return verses; of the King James Bible with the columns `document`, the book, and `testament`.

    Raises:
        DataError: there are none. MissingExtraError: bpe needs the library tokenizers.
    """
    if config.path is None:
        documents = books(_bible())
    else:
        documents = [Document(config.path.stem, read_text(config.path, config.encoding), {})]
    how = Cut(config.tokens, config.vocabulary)
    return sentences("verses", documents, how, config.length, config.held_out, context)


def build_names(config: NamesConfig, context: BuildContext) -> Dataset:
    """Return names, letter by letter.

    Raises:
        DataError: there are none.
    """
    text = _names() if config.path is None else read_text(config.path, config.encoding)
    documents = [Document("names", text, {})]
    return sentences("names", documents, Cut("characters"), config.length, config.held_out, context)


def books(told: str) -> list[Document]:
    """Return the books of the Bible, their verses a line each.

    >>> [(book.name, book.text) for book in books("Ge1:1 In the beginning\\nGe1:2 And\\nMat1:1 The book\\n")]
    [('Ge', 'In the beginning\\nAnd'), ('Mat', 'The book')]

    Raises:
        DataError: these are no verses.
    """
    found: dict[str, list[str]] = {}
    for line in told.splitlines():
        verse = _VERSE.match(line.strip())
        if verse is not None:
            found.setdefault(verse.group(1), []).append(verse.group(4))
    if not found:
        raise DataError("the program bible says no verses; give path, a file of verses, one a line")
    names = list(found)
    new = names.index(_FIRST_OF_NEW) if _FIRST_OF_NEW in names else len(names)
    return [
        Document(name, "\n".join(found[name]), {"testament": "old" if number < new else "new"})
        for number, name in enumerate(names)
    ]


def _names() -> str:
    if not NAMES.is_file():
        raise DataError(
            "names come with Debian's package miscfiles (apt install miscfiles); or give path, a file of names"
        )
    told = "install miscfiles again (apt install --reinstall miscfiles), or give path, a file of names"
    try:
        text = gzip.decompress(NAMES.read_bytes()).decode("latin-1")
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{NAMES} cannot be read ({error}); {told}") from error
    if not text.strip():  # of a file cut to nothing gzip says nothing
        raise DataError(f"{NAMES} is empty; {told}")
    return text


def _bible() -> str:
    program = shutil.which("bible")
    if program is None:
        raise DataError(
            "the verses come with Debian's package bible-kjv (apt install bible-kjv); or give path, a file of verses, "
            "one a line"
        )
    try:
        done = subprocess.run([program, "-f", _WHOLE], capture_output=True, timeout=_PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise DataError(f"the program bible fails ({error}); give path, a file of verses, one a line") from error
    return done.stdout.decode("latin-1")
