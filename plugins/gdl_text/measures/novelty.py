"""Whether a model writes or recites: the longest run of letters that stands in the training texts too, and how often
two words in a row are repeated. Held-out texts stand beside it.
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
    """Return the mean and the longest of the runs, and the share of pairs of words that are different."""
    form = subject.dataset.form
    assert isinstance(form, TextForm)
    n = min(MADE, len(subject.held_out))
    made = form.show(sample_rows(subject.trained, n, subject.noise.stream("made")).numpy()).samples
    train, ends = texts_of(subject, subject.dataset.train)
    whole = "".join(text + _APART * end for text, end in zip(train, ends, strict=True))  # windows go on in the next
    held_out, _ = texts_of(subject, some(subject, subject.held_out, n))
    runs, real = (copied(texts, [whole]) for texts in (made, held_out))
    told = "runs of letters that stand in the training texts too"
    mean, most = (
        Measurement(
            f"longest run copied, {name}", float(of(runs)), "letters", "none", {_REAL: float(of(real))}, n, told
        )
        for name, of in (("mean", np.mean), ("most", np.max))
    )
    pairs = "of all pairs of words in a row"
    if not any(len(text.split()) > 1 for text in held_out):
        return [mean, most]  # words, not sentences
    return [
        mean,
        most,
        Measurement("different pairs of words", distinct(made), "", "higher", {_REAL: distinct(held_out)}, n, pairs),
    ]


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


def distinct(texts: Sequence[str]) -> float:
    """Return the share of different ones among all pairs of words in a row (Li et al. 2016); 0 of none."""
    pairs = [pair for text in texts for pair in zip(text.split(), text.split()[1:], strict=False)]
    return len(set(pairs)) / len(pairs) if pairs else 0.0


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
