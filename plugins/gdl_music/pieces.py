"""Pieces of music as samples: so many bars, bar after bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import ceil

import numpy as np

from gdl_core.data.building import BuildContext, finish
from gdl_core.data.dataset import Dataset, fingerprint
from gdl_core.data.split import split
from gdl_core.errors import DataError
from gdl_core.values import Column
from gdl_music.grid import HOLD, REST, Grid
from gdl_music.midi_reading import BEATS
from gdl_music.scores import Score

_HIGHEST = 127  # pitch of MIDI
_OPENING = 9  # notes by which melodies are known: a phrase has about as many
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

    Scores of one family go to one side: those whose first voice opens alike, in whatever key. Bach set many a melody
    more than once, and books of tunes share theirs.

    The columns `mode` and `tonic` say what key a score is in, transposed with it, where that is known; `piece` says
    which it is.

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
    grid = Grid(low, high, round(bars * BEATS * 4), tuple(voices), tuple(programs), tempo=tempo)
    cut = {number: found for number, score in enumerate(fitting) if (found := _cut(score, grid, bars, hop, 0))}
    if not cut:
        raise DataError(f"{name}: none of {len(fitting)} pieces has {bars} bars in a row; ask for fewer bars")
    if len(cut) == 1 and held_out:
        raise DataError(f"{name}: of one piece with {bars} bars in a row none can be held out; set 'held_out' to 0")
    families: dict[object, list[int]] = {}
    for number in cut:
        families.setdefault(_opening(fitting[number]), []).append(number)
    if len(families) == 1 and held_out:
        context.note(f"{name}: all pieces open with the same notes; what is held out is not unheard")
        families = {number: [number] for number in cut}
    drawn = set(split(len(families), held_out, context.noise.stream("split")).tolist())
    out = {number for place, members in enumerate(families.values()) if place in drawn for number in members}
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
    columns = _columns(fitting, of, np.array(shifts))
    digest = fingerprint(data, grid.told())
    return finish(name, data, columns, context, held_out=held, digest=digest, form=grid)


def _whole(score: Score) -> bool:
    """Return whether bars are of 4/4, or fit into those."""
    return bool(score.bars) and (BEATS / score.bar).is_integer()


def _opening(score: Score) -> tuple[int, ...]:
    """Return the steps between the first notes of a score's first voice, in semitones: the same in every key."""
    pitches = [pitch for _, _, pitch in score.voices[0][:_OPENING]]
    return tuple(after - before for before, after in pairwise(pitches))


def _cut(score: Score, grid: Grid, bars: int, hop: int, shift: int) -> list[np.ndarray]:
    """Return the samples of a score, int16 (voices, length) each, but for those that are mostly rests."""
    last = max(start + length for voice in score.voices for start, length, _ in voice)
    upbeat = score.bars[0] % BEATS
    end = upbeat + ceil((last - upbeat) / BEATS - 1e-6) * BEATS  # a bar may end in a rest
    begins = set(score.bars)
    every = round(BEATS / score.bar)
    found, lasts = [], bars * BEATS
    for start in score.bars[:: every * hop]:
        whole = all(any(abs(start + bar * BEATS - begin) < 1e-6 for begin in begins) for bar in range(1, bars))
        if not whole or start + lasts > end + 1e-6:
            continue
        moved = (np.array(voice).reshape(-1, 3) + np.array([0, 0, shift]) for voice in score.voices)
        rows = np.stack([grid.codes(notes, grid.length, start) for notes in moved])
        if (rows == REST).mean() < 0.5 and (rows > HOLD).any(1).all():
            found.append(rows)
    return found


def _columns(scores: Sequence[Score], of: np.ndarray, shifts: np.ndarray) -> Mapping[str, Column]:
    piece = Column(of, tuple(f"{number + 1} {score.name}" for number, score in enumerate(scores)))
    if not all(score.mode and score.tonic for score in scores):
        return {"piece": piece}
    pitches = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
    tonics = np.array([_pitch_class(score.tonic) for score in scores])
    modes = np.array([int(score.mode == "minor") for score in scores])
    return {
        "mode": Column(modes[of], ("major", "minor")),
        "tonic": Column((tonics[of] + shifts) % 12, pitches),
        "piece": piece,
    }


def _pitch_class(name: str) -> int:
    """Return the pitch class of a note's name.

    >>> [_pitch_class(name) for name in ("C", "F#", "Bb", "Cb")]
    [0, 6, 10, 11]
    """
    steps = _FIFTHS.index(name[0].upper()) - 1 + 7 * (name.count("#") - name[1:].count("b"))
    return steps * 7 % 12
