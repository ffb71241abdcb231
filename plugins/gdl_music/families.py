"""Which scores share a melody, so that none is trained on whose like is held out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gdl_music.midi_reading import BEATS
from gdl_music.scores import Score

_OPENING = 8
_ANYWHERE = 16
"""Beats in a row that two first voices have alike where they open, or anywhere, in scores of one family."""

_CLOSE = 1e-6


def families(scores: Sequence[Score]) -> list[list[int]]:
    """Return the numbers of scores in families, in order of their first members.

    Two scores are of one family if their first voices have the same pitches on the beats of their first two bars, or of
    four bars anywhere, in whatever key; or if both are of one family with a third.
    """
    parent = list(range(len(scores)))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    first: dict[tuple[int, ...], int] = {}
    for number, score in enumerate(scores):
        for known in _known_by(score):
            one, other = sorted((root(first.setdefault(known, number)), root(number)))
            parent[other] = one
    found: dict[int, list[int]] = {}
    for number in range(len(scores)):
        found.setdefault(root(number), []).append(number)
    return list(found.values())


def runs(score: Score) -> Iterator[tuple[float, float]]:
    """Yield when bars begin that follow one another, and when the last of them ends.

    A bar that is missing between two others is one that a repeat or the end of a phrase parts in two.
    """
    first = before = score.bars[0]
    for begin in score.bars[1:]:
        if begin - before > 2 * score.bar + _CLOSE or not _is_whole((begin - before) / score.bar):
            yield first, before + score.bar
            first = begin
        before = begin
    yield first, before + score.bar


def _known_by(score: Score) -> Iterator[tuple[int, ...]]:
    """Yield contours of the first voice, in semitones from its first pitch, that are the same in every key."""
    notes = np.array(score.voices[0], dtype=np.float64).reshape(-1, 3)
    for place, (first, stop) in enumerate(runs(score)):
        pitches = _on_beats(notes, first, round(stop - first))
        if not place and len(pitches) >= _OPENING:
            yield from _contour(pitches[:_OPENING])
        for start in range(0, len(pitches) - _ANYWHERE + 1, round(BEATS)):
            yield from _contour(pitches[start : start + _ANYWHERE])


def _contour(pitches: np.ndarray) -> Iterator[tuple[int, ...]]:
    """Yield these pitches less the first of them, unless they are rests, or hardly a melody."""
    if (pitches >= 0).all() and len(np.unique(pitches)) > 2:
        yield tuple((pitches - pitches[0]).tolist())


def _on_beats(notes: np.ndarray, start: float, beats: int) -> np.ndarray:
    """Return the pitch that sounds at each beat, int64 (beats,); -1 where none does."""
    if not len(notes):
        return np.full(beats, -1)
    notes = notes[np.argsort(notes[:, 0], kind="stable")]
    times = start + np.arange(beats) + _CLOSE
    which = np.searchsorted(notes[:, 0], times, side="right") - 1
    sounds = (which >= 0) & (notes[which, 0] + notes[which, 1] > times)
    return np.where(sounds, notes[which, 2], -1).astype(np.int64)


def _is_whole(number: float) -> bool:
    return abs(number - round(number)) < _CLOSE
