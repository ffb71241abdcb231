"""Pieces of music as samples: so many bars, bar after bar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import ceil

import numpy as np

from gdl_core.data.building import BuildContext, finish
from gdl_core.data.dataset import Dataset, fingerprint
from gdl_core.data.split import split
from gdl_core.errors import DataError
from gdl_core.values import Column
from gdl_music.families import families, runs
from gdl_music.grid import FIRST, HOLD, PITCHES, REST, Grid
from gdl_music.midi_reading import BEATS
from gdl_music.scores import Score

_HIGHEST = 127  # pitch of MIDI
_CLOSE = 1e-6
_FIFTHS = ("F", "C", "G", "D", "A", "E", "B")


def samples(
    name: str,
    scores: Sequence[Score],
    voices: Sequence[str],
    programs: Sequence[int],
    context: BuildContext,
    *,
    bars: int,
    hop: int,
    transpose: int,
    held_out: float,
    tempo: float,
) -> Dataset:
    """Return pieces of `bars` bars of 4/4; whole scores are held out, and no transposed ones are.

    Scores of one family go to one side (see `gdl_music.families`): Bach set many a melody more than once, and books of
    tunes share theirs. Which families are held out does not depend on how scores are cut, so that what is held out
    here is not trained on by bars of another number.

    The columns `mode` and `tonic` say what key a score is in, transposed with it, where that is known; `piece` says
    which it is; `density` is how many notes a voice has in a quarter note, `range` how many semitones lie between the
    lowest note and the highest.

    Raises:
        DataError: there are too few.
    """
    fitting = [score for score in scores if score.voices and _whole(score)]
    if len(fitting) < len(scores):
        context.note(f"{name}: {len(scores) - len(fitting)} of {len(scores)} pieces are not in bars of 4/4: left out")
    if not fitting:
        raise DataError(f"{name}: none of {len(scores)} pieces is in bars of 4/4")
    low = min(note[2] for score in fitting for voice in score.voices for note in voice) - transpose
    high = max(note[2] for score in fitting for voice in score.voices for note in voice) + transpose
    if low < 0 or high > _HIGHEST:
        raise DataError(f"{name}: transposed by {transpose}, notes go from {low} to {high}, but there are 0 to 127")
    grid = Grid(low, high, round(bars * BEATS * 4), tuple(voices), tuple(programs), tempo=tempo, transpose=transpose)
    cut = {number: found for number, score in enumerate(fitting) if (found := _cut(score, grid, bars, hop, 0))}
    if not cut:
        raise DataError(f"{name}: none of {len(fitting)} pieces has {bars} bars in a row; ask for fewer bars")
    if len(cut) == 1 and held_out:
        raise DataError(f"{name}: of one piece with {bars} bars in a row none can be held out; set 'held_out' to 0")
    if len(cut) < len(fitting):
        left = len(fitting) - len(cut)
        context.note(f"{name}: {left} of {len(fitting)} pieces have no {bars} bars in a row on sixteenths: left out")
    out = _held_out(name, fitting, cut.keys(), held_out, context)
    rows, owner, shifts = [], [], []
    for number, plain in cut.items():
        for shift in range(-transpose, transpose + 1) if number not in out else (0,):
            found = _cut(fitting[number], grid, bars, hop, shift) if shift else plain
            rows += found
            owner += [number] * len(found)
            shifts += [shift] * len(found)
    data = np.stack(rows)
    of = np.array(owner)
    held = np.flatnonzero(np.isin(of, sorted(out))).astype(np.int64)
    columns = {**_columns(fitting, of, np.array(shifts)), **_counts(data, grid)}
    digest = fingerprint(data, grid.told())
    return finish(name, data, columns, context, held_out=held, digest=digest, form=grid)


def _whole(score: Score) -> bool:
    """Return whether bars are of 4/4, or fit into those."""
    return bool(score.bars) and (BEATS / score.bar).is_integer()


def _held_out(
    name: str, scores: Sequence[Score], usable: Iterable[int], share: float, context: BuildContext
) -> set[int]:
    """Return the numbers of scores that are held out, with some on either side that are of use."""
    noise = context.noise.stream("split")
    usable = sorted(usable)
    for some in (range(len(scores)), usable):
        members = families([scores[number] for number in some])
        if len(members) == 1 and share:
            context.note(f"{name}: all pieces are alike somewhere; what is held out is not unheard")
            members = [[place] for place in range(len(some))]
        drawn = split(len(members), share, noise).tolist()
        out = {some[place] for family in drawn for place in members[family]}
        if not share or 0 < len(out.intersection(usable)) < len(usable):
            return out
    raise DataError(f"{name}: {len(usable)} pieces are too few to hold some out; set 'held_out' to 0")


def _cut(score: Score, grid: Grid, bars: int, hop: int, shift: int) -> list[np.ndarray]:
    """Return the samples of a score, int16 (voices, length) each, but for those that are mostly rests, or have notes
    between the steps of the grid.
    """
    last = max(start + length for voice in score.voices for start, length, _ in voice)
    upbeat = score.bars[0] % BEATS
    end = upbeat + ceil((last - upbeat) / BEATS - 1e-6) * BEATS  # a bar may end in a rest
    found, lasts = [], bars * BEATS
    voices = [np.array(voice, dtype=np.float64).reshape(-1, 3) + np.array([0, 0, shift]) for voice in score.voices]
    between = np.array(score.between, dtype=np.float64).reshape(-1, 2)
    for first, stop in runs(score):
        for number in range(int((min(stop, end) - first - lasts + _CLOSE) // (hop * BEATS)) + 1):
            start = first + number * hop * BEATS
            if ((between[:, 0] < start + lasts) & (start < between[:, 1])).any():
                continue
            rows = np.stack([grid.codes(notes, grid.length, start) for notes in voices])
            if (rows == REST).mean() < 0.5 and (rows > HOLD).any(1).all():
                found.append(rows)
    return found


def _columns(scores: Sequence[Score], of: np.ndarray, shifts: np.ndarray) -> Mapping[str, Column]:
    piece = Column(of, tuple(f"{number + 1} {score.name}" for number, score in enumerate(scores)))
    if not all(score.mode and score.tonic for score in scores):
        return {"piece": piece}
    tonics = np.array([_pitch_class(score.tonic) for score in scores])
    modes = np.array([int(score.mode == "minor") for score in scores])
    return {
        "mode": Column(modes[of], ("major", "minor")),
        "tonic": Column((tonics[of] + shifts) % 12, PITCHES),
        "piece": piece,
    }


def _counts(data: np.ndarray, grid: Grid) -> Mapping[str, Column]:
    """Return what can be counted of codes (n, voices, steps)."""
    begins = data >= FIRST
    quarters = data.shape[1] * data.shape[2] / grid.steps
    highest = np.where(begins, data, 0).max((1, 2))
    lowest = np.where(begins, data, highest[:, None, None]).min((1, 2))
    return {
        "density": Column((begins.sum((1, 2)) / quarters).astype(np.float32)),
        "range": Column((highest - lowest).astype(np.float32)),
    }


def _pitch_class(name: str) -> int:
    """Return the pitch class of a note's name.

    >>> [_pitch_class(name) for name in ("C", "F#", "Bb", "Cb")]
    [0, 6, 10, 11]
    """
    steps = _FIFTHS.index(name[0].upper()) - 1 + 7 * (name.count("#") - name[1:].count("b"))
    return steps * 7 % 12
