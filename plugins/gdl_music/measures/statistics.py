"""Whether notes are used as held-out music uses them: what is counted in samples, beside the same for training samples,
a Markov chain and even noise.

Of histograms the distance from that of held-out music is told (total variation: the share that would have to be moved),
of single numbers themselves, with those of held-out music among the baselines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from gdl_core.latent.tiles import sample_rows
from gdl_core.measures.subject import Measurement, Subject
from gdl_music.grid import FIRST, HOLD, REST, Grid
from gdl_music.markov import Markov

MOST = 512
"""Samples of each side, at most."""

_WIDE = 12  # semitones of a melodic interval, beyond which all are one
_LONG = 16  # steps of a note, likewise
_DISSONANT = (1, 2, 6, 10, 11)  # semitones, octaves left out
_PERFECT = (0, 7)
_FIFTHS = "parallel fifths and octaves"

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]


def measure(subject: Subject) -> list[Measurement]:
    """Return a row for each thing that is counted."""
    grid = subject.dataset.form
    assert isinstance(grid, Grid)
    held_out = _codes(subject, subject.held_out[_some(subject, len(subject.held_out))])
    n, _, steps = held_out.shape
    train = _codes(subject, subject.dataset.train)
    markov = Markov(train, grid.size)
    noise = subject.noise.stream("statistics")
    made = {
        "": sample_rows(subject.trained, n, subject.noise.stream("made")).numpy().astype(np.int64),
        "training samples": train[noise.stream("train").permutation(len(train)).numpy()[:n]],
        "Markov chain": markov.sample(n, steps, noise.stream("markov")),
        "even noise": (noise.stream("even").uniform(n, held_out.shape[1:]).numpy() * grid.size).astype(np.int64),
    }
    found = []
    note = "from held-out music" + (f" in {2 * grid.transpose + 1} keys, as trained on" if grid.transpose else "")
    for name, count in HISTOGRAMS.items():
        real = _shares(_in_every_key(count, held_out, grid))
        away = {kind: float(np.abs(_shares(count(codes, grid)) - real).sum() / 2) for kind, codes in made.items()}
        value = away.pop("")
        found.append(Measurement(f"{name}, total variation", value, "", "lower", away, n, note))
    for name, number in NUMBERS.items():
        if held_out.shape[1] == 1 and name != "rests":
            continue  # of several voices
        told = {kind: number(codes, grid) for kind, codes in made.items()}
        value = told.pop("")
        found.append(
            Measurement(name, value, "", "none", {"held-out samples": number(held_out, grid), **told}, n, _NOTES[name])
        )
    return found


def _in_every_key(count: Callable[[Codes, Grid], Floats], codes: Codes, grid: Grid) -> Floats:
    """Return what is counted in music that is transposed as far up and down as training samples are."""
    shifts = range(-grid.transpose, grid.transpose + 1)
    return np.asarray(sum(count(np.where(codes >= FIRST, codes + shift, codes), grid) for shift in shifts))


def sounding(codes: Codes, grid: Grid) -> Codes:
    """Return the pitch that sounds in each voice at each step, int64 (n, voices, steps); -1 where none does."""
    pitch = np.full_like(codes, -1)
    now = np.full(codes.shape[:2], -1)
    for step in range(codes.shape[2]):
        code = codes[:, :, step]
        now = np.where(code == HOLD, now, np.where(code == REST, -1, code - FIRST + grid.low))
        pitch[:, :, step] = now
    return pitch


def pitch_classes(codes: Codes, grid: Grid) -> Floats:
    """Return how often each of the twelve sounds, in steps."""
    pitch = sounding(codes, grid)
    return np.bincount(pitch[pitch >= 0] % 12, minlength=12).astype(np.float64)


def intervals(codes: Codes, grid: Grid) -> Floats:
    """Return how often each melodic interval comes, in semitones from −12 to 12."""
    counts = np.zeros(2 * _WIDE + 1)
    for row in codes.reshape(-1, codes.shape[2]):
        step = np.diff(row[row >= FIRST]).clip(-_WIDE, _WIDE)
        counts += np.bincount(step + _WIDE, minlength=len(counts))
    return counts


def rhythm(codes: Codes, grid: Grid) -> Floats:
    """Return how often notes of each length come, in steps up to 16; what goes on beyond a sample ends with it."""
    counts = np.zeros(_LONG + 1)
    for row in codes.reshape(-1, codes.shape[2]):
        begins = np.flatnonzero(row >= FIRST)
        ends = np.flatnonzero(np.append(row, REST) != HOLD)
        lengths = ends[np.searchsorted(ends, begins + 1)] - begins
        counts += np.bincount(lengths.clip(max=_LONG), minlength=len(counts))
    return counts


def ranges(codes: Codes, grid: Grid) -> Floats:
    """Return how often each pitch begins in each voice."""
    size, voices = grid.size, codes.shape[1]
    counts = [np.bincount(codes[:, voice][codes[:, voice] >= FIRST], minlength=size) for voice in range(voices)]
    return np.concatenate(counts).astype(np.float64)


def parallels(codes: Codes, grid: Grid) -> float:
    """Return how often, of 100 steps, two voices move in one direction from a fifth to a fifth, or from an octave or
    unison to another.
    """
    pitch = sounding(codes, grid)
    total = 0
    for upper in range(codes.shape[1]):
        for lower in range(upper + 1, codes.shape[1]):
            one, other = pitch[:, upper], pitch[:, lower]
            apart = np.abs(one - other) % 12
            both = (one[:, 1:] >= 0) & (other[:, 1:] >= 0) & (one[:, :-1] >= 0) & (other[:, :-1] >= 0)
            moved = (np.diff(one) != 0) & (np.sign(np.diff(one)) == np.sign(np.diff(other)))
            same = apart[:, 1:] == apart[:, :-1]
            total += int((both & moved & same & np.isin(apart[:, 1:], _PERFECT)).sum())
    return float(100.0 * total / (codes.shape[0] * codes.shape[2]))


def dissonance(codes: Codes, grid: Grid) -> float:
    """Return the share of pairs of voices that sound a second, a seventh or a tritone, of all that sound together."""
    pitch = sounding(codes, grid)
    harsh = together = 0
    for upper in range(codes.shape[1]):
        for lower in range(upper + 1, codes.shape[1]):
            both = (pitch[:, upper] >= 0) & (pitch[:, lower] >= 0)
            apart = np.abs(pitch[:, upper] - pitch[:, lower]) % 12
            together += int(both.sum())
            harsh += int((both & np.isin(apart, _DISSONANT)).sum())
    return float(harsh / max(together, 1))


def crossings(codes: Codes, grid: Grid) -> float:
    """Return the share of neighbouring voices that sound together with the lower one above."""
    pitch = sounding(codes, grid)
    both = (pitch[:, 1:] >= 0) & (pitch[:, :-1] >= 0)
    return float((both & (pitch[:, 1:] > pitch[:, :-1])).sum() / max(int(both.sum()), 1))


def rests(codes: Codes, grid: Grid) -> float:
    """Return the share of steps in which a voice is silent."""
    return float((sounding(codes, grid) < 0).mean())


HISTOGRAMS: Mapping[str, Callable[[Codes, Grid], Floats]] = {
    "pitch classes": pitch_classes, "melodic intervals": intervals, "lengths of notes": rhythm,
    "pitches of voices": ranges,
}  # fmt: skip
NUMBERS: Mapping[str, Callable[[Codes, Grid], float]] = {
    _FIFTHS: parallels, "dissonance": dissonance, "voices crossed": crossings, "rests": rests,
}  # fmt: skip
_NOTES = {
    _FIFTHS: "of 100 steps",
    "dissonance": "share of seconds, sevenths and tritones among voices that sound together",
    "voices crossed": "share of neighbouring voices",
    "rests": "share of steps",
}


def _shares(counts: Floats) -> Floats:
    shares: Floats = counts / max(counts.sum(), 1.0)
    return shares


def _codes(subject: Subject, rows: NDArray[np.int64]) -> Codes:
    return subject.dataset.tensor(rows).numpy().astype(np.int64)


def _some(subject: Subject, n: int) -> NDArray[np.int64]:
    order: NDArray[np.int64] = subject.noise.stream("statistics", "held out").permutation(n).numpy()
    return np.sort(order[:MOST])
