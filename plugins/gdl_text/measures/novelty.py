"""Whether a model writes or recites: the longest run of letters that stands in the training texts too, and how often
words, and two and three of them in a row, are repeated. Held-out texts stand beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gdl_core.latent.tiles import sample_rows
from gdl_core.measures.subject import Measurement, Subject
from gdl_text.form import TextForm
from gdl_text.measures.bits import some, texts_of

MADE = 64
"""Samples that are looked at."""

_APART = "\0"
_REAL = "held-out texts"
_FACTOR = 0x9E3779B97F4A7C15  # odd, so that it can be divided by modulo 2^64

Words = NDArray[np.uint64]


def measure(subject: Subject) -> list[Measurement]:
    """Return the mean and the longest of the runs, and how many words, pairs and threes are different."""
    form = subject.dataset.form
    assert isinstance(form, TextForm)
    n = min(MADE, len(subject.held_out))
    made = form.show(sample_rows(subject.trained, n, subject.noise.stream("made")).numpy()).samples
    train, ends = texts_of(subject, subject.dataset.train)
    whole = "".join(text + _APART * end for text, end in zip(train, ends, strict=True))  # windows go on in the next
    held_out, _ = texts_of(subject, some(subject, subject.held_out, n))
    runs, real = (copied(texts, [whole]) for texts in (made, held_out))
    told = "runs of letters that stand in the training texts too"
    measured = [
        Measurement(
            f"longest run copied, {name}", float(of(runs)), "letters", "none", {_REAL: float(of(real))}, n, told
        )
        for name, of in (("mean", np.mean), ("most", np.max))
    ]
    for words, each in ((1, "words"), (2, "pairs of words in a row"), (3, "threes of words in a row")):
        share = distinct(held_out, words)
        if share:  # names, say, are single words
            told = f"different ones among all {each}"
            measured.append(
                Measurement(f"distinct-{words}", distinct(made, words), "", "higher", {_REAL: share}, n, told)
            )
    return measured


def copied(texts: Sequence[str], known: Sequence[str]) -> NDArray[np.int64]:
    """Return the length of the longest run of each text that is in one of the known ones, int64 (n,).

    Runs are compared by 64-bit hashes, and the longest is found by halving.

    >>> copied(["the cat", "xyz"], ["on the mat", "a cat"]).tolist()
    [4, 0]
    """
    whole = _Hashes(_APART.join(known))
    each = [_Hashes(text) for text in texts]
    low = np.zeros(len(texts), dtype=np.int64)
    high = np.full(len(texts), max(map(len, texts), default=0), dtype=np.int64)  # the same, to share what is hashed
    while (low < high).any():
        middle = (low + high + 1) // 2
        for length in np.unique(middle[low < high]):
            there = np.unique(whole.of(int(length)))
            for number in np.flatnonzero((middle == length) & (low < high)):
                if np.isin(each[number].of(int(length)), there, assume_unique=False).any():
                    low[number] = length
                else:
                    high[number] = length - 1
    return low


def distinct(texts: Sequence[str], n: int) -> float:
    """Return the share of different ones among all runs of n words in a row (Li et al. 2016); 0 of none.

    >>> distinct(["a b a b", "b a"], 2)
    0.5
    """
    each = [text.split() for text in texts]
    runs = [tuple(words[at : at + n]) for words in each for at in range(len(words) - n + 1)]
    return len(set(runs)) / len(runs) if runs else 0.0


class _Hashes:
    """Hashes of all runs of a text: Σ letter · factorⁱ modulo 2⁶⁴, of which that of a run is a difference."""

    def __init__(self, text: str) -> None:
        letters = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64) + np.uint64(1)
        factor, inverse = np.uint64(_FACTOR), np.uint64(pow(_FACTOR, -1, 1 << 64))
        n = len(letters)
        powers = np.cumprod(np.full(n, factor, dtype=np.uint64)) if n else np.empty(0, dtype=np.uint64)
        self._sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(letters * powers, dtype=np.uint64)])
        self._back = np.cumprod(np.full(n, inverse, dtype=np.uint64)) if n else np.empty(0, dtype=np.uint64)

    def of(self, length: int) -> Words:
        """Return the hash of each run of this length."""
        starts = max(0, len(self._sums) - length)
        runs: Words = (self._sums[length:] - self._sums[:starts]) * self._back[:starts]
        return runs
