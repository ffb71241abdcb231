"""What the last letters tell of the next one: n-grams of letters, the baselines of all models of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ORDERS = (1, 2, 3, 4, 5, 6, 7)
_END = 1  # its code; 0 stands for whatever is before the first letter

Codes = NDArray[np.int64]


class NGrams:
    """Letters and the ends of texts, each given up to six letters before it.

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
        self._tables: list[_Table] = []
        whole = [self.codes(text, end) for text, end in zip(texts, ends, strict=True)]
        codes = np.concatenate(whole)
        context = np.zeros(len(codes), dtype=np.int64)  # the number of what stands before each letter
        for order in ORDERS:
            before = np.concatenate([_shifted(one, order - 1) for one in whole])
            keys = context * self._base + before
            contexts, context = np.unique(keys, return_inverse=True)
            seen, counts = np.unique(context * self._base + codes, return_counts=True)
            totals, kinds = np.bincount(context), np.bincount(seen // self._base)
            self._tables.append(_Table(contexts, seen, counts, totals, kinds))

    def codes(self, text: str, end: bool) -> Codes:
        """Return a text as codes; the unknown letters of it have the code 0."""
        return np.array([self._codes.get(letter, 0) for letter in text] + [_END] * end, dtype=np.int64)

    def bits(self, text: str, end: bool) -> NDArray[np.float64]:
        """Return -log₂ P of a text for each order, (orders,); nothing is known of what was before it."""
        codes = self.codes(text, end)
        share = np.full(len(codes), 1.0 / (self._base - 1))
        context = np.zeros(len(codes), dtype=np.int64)
        result = []
        for order, table in zip(ORDERS, self._tables, strict=True):
            before = _shifted(codes, order - 1)
            numbers = np.arange(len(table.contexts))
            context = np.where(context < 0, -1, _look_up(context * self._base + before, table.contexts, numbers, -1))
            known = context >= 0
            met, followers = (np.where(known, values[context], 0) for values in (table.totals, table.kinds))
            hits = np.where(known, _look_up(context * self._base + codes, table.seen, table.counts, 0), 0)
            share = np.where(known, (hits + followers * share) / np.maximum(met + followers, 1), share)
            result.append(-np.log2(share).sum())
        return np.array(result)


class _Table(NamedTuple):
    """Of one order: keys of contexts (that of one letter less, and the letter before it), and of contexts with what
    followed them, how often; of each context how often it was met, and how many letters followed it."""

    contexts: Codes
    seen: Codes
    counts: Codes
    totals: Codes
    kinds: Codes


def _shifted(codes: Codes, back: int) -> Codes:
    """Return the code so many places before each one, 0 where there is none; 0 everywhere for none back."""
    if back == 0:
        return np.zeros_like(codes)
    return np.concatenate([np.zeros(min(back, len(codes)), dtype=np.int64), codes[:-back]])


def _look_up(wanted: Codes, known: Codes, values: Codes, none: int) -> Codes:
    """Return the value of each wanted number, or `none` where it is not among the known ones, which are sorted."""
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    found: Codes = np.where(known[place] == wanted, values[place], none)
    return found
