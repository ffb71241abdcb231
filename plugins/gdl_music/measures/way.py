"""Whether a morph goes from one tune to the other and nowhere else: what is counted in notes, place by place.

For pairs of held-out samples the arc between their posterior means is decoded at nine places, as `morph` does it. Told
is how many of the eight steps go the right way, of the mean over all pairs; and in the note, how many steps of all
single morphs do so or stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from gdl_core.latent.paths import through
from gdl_core.latent.tiles import decode_rows
from gdl_core.measures.subject import Measurement, Subject
from gdl_music.grid import FIRST, Grid
from gdl_music.measures.statistics import Codes, Floats, sounding

PAIRS = 64
PLACES = 9


def measure(subject: Subject) -> list[Measurement]:
    """Return a row for each thing that is counted, beside the same of random points between the two ends."""
    grid = subject.dataset.form
    assert isinstance(grid, Grid)
    order = subject.noise.stream("way").permutation(len(subject.held_out)).numpy()
    pairs = min(PAIRS, len(order) // 2)
    if not pairs:
        return []
    points = subject.held_out_posterior.mean.flatten(1).numpy()
    ends = np.stack((points[order[:pairs]], points[order[pairs : 2 * pairs]]), axis=1)  # (pairs, 2, latent)
    between = subject.noise.stream("between").normal(pairs, (PLACES - 2, points.shape[1])).numpy()
    ways = {
        "": np.stack([through(pair, PLACES, "slerp") for pair in ends]),
        "random points between": np.concatenate((ends[:, :1], between, ends[:, 1:]), axis=1),
    }
    codes = {name: _decoded(subject, way) for name, way in ways.items()}
    rows = []
    for name, count in COUNTS.items():
        each = {kind: count(way, grid) for kind, way in codes.items()}
        if not len(each[""]):
            continue
        curves = {kind: found.mean(0) for kind, found in each.items()}
        right = {kind: float((np.diff(curve) > 0).mean()) for kind, curve in curves.items()}
        places = " ".join(f"{value:.3g}" for value in curves[""])
        note = f"place by place {places}; of single morphs {(np.diff(each['']) >= 0).mean():.1%} do or stay"
        rows.append(Measurement(f"steps of a morph with {name}", right.pop(""), "", "higher", right, pairs, note))
    return rows


def shared(codes: Codes, end: int) -> Floats:
    """Return the share of the notes at one end (0 or −1) that are at each place, (pairs, places).

    Pairs without notes at that end are left out.

    Args:
        codes: int64 (pairs, places, voices, steps).
        end: the place whose notes are looked for: the same pitch, begun at the same step.
    """
    there = codes[:, [end]] >= FIRST
    kept = (there & (codes == codes[:, [end]])).sum((2, 3))
    count = there.sum((2, 3))
    some = count[:, 0] > 0
    return np.asarray(kept[some] / count[some])


def drift(values: Floats) -> Floats:
    """Return how far numbers (pairs, places) have gone at each place towards the last one, (pairs, places)."""
    towards = np.sign(values[:, -1:] - values[:, :1])
    return np.asarray(towards * (values - values[:, :1]))


def _mean_pitch(codes: Codes, grid: Grid) -> Floats:
    """Return the mean of the pitches that sound, (pairs, places); 0 where none does."""
    pitch = sounding(codes.reshape(-1, *codes.shape[2:]), grid).reshape(*codes.shape[:2], -1)
    sounds = pitch >= 0
    return np.asarray((pitch * sounds).sum(2) / np.maximum(sounds.sum(2), 1))


COUNTS: Mapping[str, Callable[[Codes, Grid], Floats]] = {
    "fewer notes of the first tune": lambda codes, grid: 1 - shared(codes, 0),
    "more notes of the second tune": lambda codes, grid: shared(codes, -1),
    "the number of notes nearer to the second's": lambda codes, grid: drift((codes >= FIRST).sum((2, 3)).astype(float)),
    "the mean pitch nearer to the second's": lambda codes, grid: drift(_mean_pitch(codes, grid)),
}


def _decoded(subject: Subject, way: NDArray[np.float32]) -> Codes:
    """Return the codes of points (pairs, places, latent), int64 (pairs, places, voices, steps)."""
    model = subject.trained.model
    rows = decode_rows(subject.trained, way.reshape(-1, *model.latent_shape).astype(np.float32)).numpy()
    return rows.reshape(*way.shape[:2], *subject.dataset.shape).astype(np.int64)
