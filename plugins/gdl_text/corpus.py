"""Texts in files: which there are, in what encoding, and how they become samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gdl_core.data.below import files_below
from gdl_core.data.building import BuildContext, finish
from gdl_core.data.dataset import Dataset, fingerprint
from gdl_core.data.split import split
from gdl_core.errors import DataError
from gdl_core.values import Column
from gdl_text.form import TextForm
from gdl_text.tokens import Characters, Pieces, Tokens, composed

SUFFIXES = (".txt", ".text", ".md")
MOST = 1 << 28
"""Bytes of a file, and letters of all of them, at most."""

_APART = 8  # so many documents or more: whole ones are held out
_OVER = 1.5  # times the share that is to be held out may be, or its inverse
_DOTS = 60


@dataclass(frozen=True)
class Document:
    """A text with its name, and what is known of it."""

    name: str
    text: str
    facts: Mapping[str, str]


def read_text(path: Path, encoding: str) -> str:
    """Return what a file says, as `composed` has it; a form feed, the sign for a new page, ends a line.

    Raises:
        DataError: it cannot be read, is too long or empty, or is not in this encoding.
    """
    try:
        if path.stat().st_size > MOST:
            raise DataError(f"{path.name} is larger than {MOST >> 20} MiB; take a part of it")
        text = path.read_bytes().decode(encoding)
        text.encode("utf-8")  # some encodings make letters that are none
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path.name} is not a text in {encoding} (byte {error.start}); say what it is, like encoding: latin-1"
        ) from None
    except (LookupError, ValueError):
        raise DataError(f"'{encoding}' is no encoding that texts are written in; try utf-8 or latin-1") from None
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error.strerror or error}") from None
    if not text.strip():
        raise DataError(f"{path.name} is empty")
    return composed(text).replace("\f", "\n")


def read_documents(path: Path, encoding: str, context: BuildContext) -> list[Document]:
    """Return the text of a file, or those of a folder and all its subfolders; what cannot be read there is skipped.

    Hidden files and folders, and those of runs, are none of the texts.

    Raises:
        DataError: nothing can be read, or there is too much.
    """
    if path.is_file():
        return [Document(path.stem, read_text(path, encoding), {})]
    if not path.is_dir():
        raise DataError(f"no such file or folder: {path.name}")
    files = list(files_below(path, SUFFIXES))
    if not files:
        raise DataError(f"{path.name} holds no text; files are called {', '.join(SUFFIXES)}")
    documents, letters = [], 0
    for number, file in enumerate(files):
        context.progress(number, len(files))
        try:
            text = read_text(file, encoding)
        except DataError as error:
            context.note(f"left out: {error}")
            continue
        letters += len(text)
        if letters > MOST:
            raise DataError(f"{path.name} holds more than {MOST >> 20} million letters; take a part of it")
        documents.append(Document(file.relative_to(path).as_posix(), text, {}))
    if not documents:
        raise DataError(f"none of the {len(files)} files in {path.name} could be read; the notes say why")
    return named(documents, [str(PurePosixPath(document.name).with_suffix("")) for document in documents])


def named(documents: Sequence[Document], short: Sequence[str]) -> list[Document]:
    """Return documents with short names, where they can be told apart by them.

    >>> documents = [Document(name, "", {}) for name in ("a/one", "a/two", "b/two")]
    >>> [document.name for document in named(documents, ["one", "two", "two"])]
    ['one', 'a/two', 'b/two']
    """
    often = Counter(short)
    often.update(document.name for document in documents)  # the short name of one may be the long one of another
    return [
        replace(document, name=name if often[name] == 1 else document.name)
        for document, name in zip(documents, short, strict=True)
    ]


@dataclass(frozen=True)
class Cut:
    """How texts are to be cut: letter by letter, or into the pieces of a BPE, so many of them."""

    how: Literal["characters", "bpe"]
    vocabulary: int = 0

    def of(self, texts: Sequence[str], held: Sequence[bool]) -> Tokens:
        """Return what texts are cut into: pieces are learned from those that are not held out, letters are of all."""
        if self.how == "characters":
            return Characters.of(texts)
        return Pieces.of([text for text, out in zip(texts, held, strict=True) if not out], self.vocabulary)


def windows(
    name: str, documents: Sequence[Document], how: Cut, length: int, share: float, context: BuildContext
) -> Dataset:
    """Return all that documents say in pieces of one length, one after another.

    Of eight documents or more whole ones are held out, of fewer the end of each; so too where some are so long that no
    whole ones come to the share. The last piece of a document goes back to where it is whole, and none begins within a
    letter; a document shorter than a piece is filled up with ends.

    Raises:
        DataError: there is not enough to hold out some.
    """
    parts, held, ended = _parts(documents, share, context)
    tokens = how.of([text for _, text in parts], held)
    form, rows, owner, out, short = TextForm(tokens, length), [], [], [], set[int]()
    for part, (document, text) in enumerate(parts):
        codes = tokens.encode(text)
        if len(codes) < length and not ended[part]:
            short.add(document)  # filled up it would say that texts end so
            continue
        if len(codes) <= length:
            pieces = form.rows([codes], [text])
        else:
            starts = np.minimum(np.arange(0, len(codes), length), len(codes) - length)
            starts = np.array([_letter(codes, start, tokens.inside) for start in np.unique(starts).tolist()])
            pieces = np.asarray(codes, dtype=np.int32)[starts[:, None] + np.arange(length)]
        rows.append(pieces)
        owner += [document] * len(pieces)
        out += [held[part]] * len(pieces)
        context.progress(part + 1, len(parts))
    if len(set(out)) < 2 and share:
        longest = max(len(document.text) for document in documents)
        raise DataError(
            f"with samples of {length} pieces there is too little to hold some out: the longest text has {longest:,} "
            "letters; give a smaller length, or more"
        )
    if short:
        names = ", ".join(documents[number].name for number in sorted(short))
        told = f"{names[:_DOTS]}{' …' if len(names) > _DOTS else ''}"
        context.note(f"{name}: parts of {told} are left out, being shorter than a sample of {length} pieces")
    return _finish(name, np.concatenate(rows), form, documents, np.array(owner), np.array(out), context)


def _letter(codes: Sequence[int], start: int, inside: frozenset[int]) -> int:
    """Return where the letter begins within which a start may be."""
    while start and codes[start] in inside:
        start -= 1
    return start


def sentences(
    name: str, documents: Sequence[Document], how: Cut, length: int, share: float, context: BuildContext
) -> Dataset:
    """Return the lines of documents, a sample each, filled up with ends; too long and empty ones are left out.

    Raises:
        DataError: none is left, or none to hold out.
    """
    lines = [(at, line.strip()) for at, document in enumerate(documents) for line in document.text.split("\n")]
    lines = [(at, line) for at, line in lines if line]
    held = _held_out([line for _, line in lines], share, context)
    tokens = how.of([line for _, line in lines], held.tolist())
    form = TextForm(tokens, length)
    codes = [tokens.encode(line) for _, line in lines]
    fits = [number for number, mine in enumerate(codes) if len(mine) < length]
    if len(fits) < len(lines):
        long = len(lines) - len(fits)
        context.note(f"{name}: {long:,} of {len(lines):,} lines have {length} pieces or more and are left out")
    if len(fits) < 2:
        raise DataError(f"{name}: {len(fits)} of {len(lines)} lines have fewer than {length} pieces; raise 'length'")
    rows = form.rows([codes[number] for number in fits], [lines[number][1] for number in fits])
    owner = np.array([lines[number][0] for number in fits])
    out = held[fits]
    if share and out.all() == out.any():  # of few lines those that were to be held out may all have been too long
        out = _held_out([lines[number][1] for number in fits], share, context)
        if not out.any():
            raise DataError(
                f"{name}: the lines that fit are all alike, so none can be held out; give others, or held_out: 0"
            )
    return _finish(name, rows, form, documents, owner, out, context)


def _held_out(lines: Sequence[str], share: float, context: BuildContext) -> NDArray[np.bool_]:
    """Return which lines are held out; all that are alike are on one side."""
    distinct = {line: number for number, line in enumerate(dict.fromkeys(lines))}
    drawn = set(split(len(distinct), share, context.noise.stream("split")).tolist())
    return np.array([distinct[line] in drawn for line in lines], dtype=bool)


def _parts(
    documents: Sequence[Document], share: float, context: BuildContext
) -> tuple[list[tuple[int, str]], list[bool], list[bool]]:
    """Return texts with the number of their document, which are held out, and which are whole, so that their ends say
    where texts end.
    """
    chosen = _chosen(documents, share, context) if len(documents) >= _APART and share else set()
    if chosen or not share:
        names = ", ".join(documents[number].name for number in sorted(chosen))
        if chosen:
            context.note(f"held out: {names[:_DOTS]}{' …' if len(names) > _DOTS else ''}")
        held = [number in chosen for number in range(len(documents))]
        return [(number, document.text) for number, document in enumerate(documents)], held, [True] * len(documents)
    parts, held = [], []
    for number, document in enumerate(documents):
        at = len(document.text) - round(share * len(document.text))
        for text, out in ((document.text[:at], False), (document.text[at:], True)):
            if text:
                parts.append((number, text))
                held.append(out)
    return parts, held, [False] * len(parts)


def _chosen(documents: Sequence[Document], share: float, context: BuildContext) -> set[int]:
    """Return which documents are held out, in an order drawn by noise, till they come to the share; none if none do."""
    whole, so_far, chosen = sum(len(document.text) for document in documents), 0, set[int]()
    for number in context.noise.stream("split").permutation(len(documents)).tolist():
        more = so_far + len(documents[number].text)
        if so_far < share * whole and more <= _OVER * share * whole:
            chosen.add(number)
            so_far = more
    return chosen if so_far >= share * whole / _OVER else set()


def _finish(
    name: str,
    rows: NDArray[np.int32],
    form: TextForm,
    documents: Sequence[Document],
    owner: NDArray[np.int64],
    out: NDArray[np.bool_],
    context: BuildContext,
) -> Dataset:
    """Return the dataset, with a column for each thing that is known of documents."""
    columns = {"document": Column(owner, tuple(document.name for document in documents))} if len(documents) > 1 else {}
    for fact in documents[0].facts:
        names = tuple(sorted({document.facts[fact] for document in documents}))
        codes = np.array([names.index(document.facts[fact]) for document in documents])
        columns[fact] = Column(codes[owner], names)
    data = rows.astype(np.int16) if form.tokens.size < 1 << 15 else rows
    digest = fingerprint(data, form.tokens.told())
    held_out = np.flatnonzero(out).astype(np.int64)
    return finish(name, data, columns, context, held_out=held_out, digest=digest, form=form)
