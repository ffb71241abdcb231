"""What the last letters tell of the next one: n-grams of letters, the baselines of all models of texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

ORDERS = (1, 2, 3, 4, 5)
_END = 1  # its code; 0 stands for whatever is before the first letter

Codes = NDArray[np.int64]


class NGrams:
    """Letters and the ends of texts, each given up to four letters before it.

    Orders are interpolated after Witten & Bell (1991): of a context that was met c times and was followed by t
    different letters, P(x) = (c(x) + t · P'(x)) / (c + t), where P' knows one letter less; with none all are equally
    probable.

    Args:
        texts: to learn from.
        ends: whether each text ends there, which then counts as a letter.
        letters: that may come besides.
    """

    def __init__(self, texts: Sequence[str], ends: Sequence[bool], letters: str = "") -> None:
        known = sorted(set(letters).union(*map(set, texts)))
        self._codes = {letter: code for code, letter in enumerate(known, start=2)}
        self._base = len(known) + 2
        self._tables = []
        whole = [self.codes(text, end) for text, end in zip(texts, ends, strict=True)]
        for order in ORDERS:
            seen, counts = np.unique(np.concatenate([self._keys(codes, order) for codes in whole]), return_counts=True)
            contexts, first, kinds = np.unique(seen // self._base, return_index=True, return_counts=True)
            self._tables.append((seen, counts, contexts, np.add.reduceat(counts, first), kinds))

    def codes(self, text: str, end: bool) -> Codes:
        """Return a text as codes; the unknown letters of it have the code 0."""
        return np.array([self._codes.get(letter, 0) for letter in text] + [_END] * end, dtype=np.int64)

    def bits(self, text: str, end: bool) -> NDArray[np.float64]:
        """Return -log₂ P of a text for each order, (orders,); nothing is known of what was before it."""
        codes = self.codes(text, end)
        share = np.full(len(codes), 1.0 / (self._base - 1))
        result = []
        for order, (seen, counts, contexts, totals, kinds) in zip(ORDERS, self._tables, strict=True):
            keys = self._keys(codes, order)
            hits, met = _look_up(keys, seen, counts), _look_up(keys // self._base, contexts, totals)
            followers = _look_up(keys // self._base, contexts, kinds)
            share = np.where(met > 0, (hits + followers * share) / np.maximum(met + followers, 1), share)
            result.append(-np.log2(share).sum())
        return np.array(result)

    def _keys(self, codes: Codes, order: int) -> Codes:
        """Return a number for each letter with the order − 1 letters before it."""
        padded = np.concatenate([np.zeros(order - 1, dtype=np.int64), codes])
        keys = np.zeros(len(codes), dtype=np.int64)
        for back in range(order):
            keys = keys * self._base + padded[back : back + len(codes)]
        return keys


def _look_up(wanted: Codes, known: Codes, values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the value of each wanted number, 0 where it is not among the known ones, which are sorted."""
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    found: NDArray[np.int64] = np.where(known[place] == wanted, values[place], 0)
    return found
