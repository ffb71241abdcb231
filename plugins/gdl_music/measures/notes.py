"""How many notes of held-out music come back after encoding and decoding: the same pitch, begun at the same step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gdl_core.latent.tiles import decode_rows
from gdl_core.measures.subject import Measurement, Subject
from gdl_music.grid import FIRST

Codes = NDArray[np.float32]


def measure(subject: Subject) -> list[Measurement]:
    """Return the share of notes that come back, of those that came back the share that were there, and of codes."""
    codes = subject.dataset.tensor(subject.held_out).numpy()
    back = decode_rows(subject.trained, subject.held_out_posterior.mean).numpy()
    other = np.roll(codes, len(codes) // 2, axis=0)  # each beside another one, which is no neighbour in the data
    n, word = len(codes), "another held-out sample"
    note = "decoded from posterior means; the same pitch begun at the same step"
    (recall, precision, right), others = (_shares(codes, found) for found in (back, other))
    return [
        Measurement("notes that come back", recall, "", "higher", {word: others[0]}, n, note),
        Measurement("notes that were there", precision, "", "higher", {word: others[1]}, n, note),
        Measurement("codes that come back", right, "", "higher", {word: others[2]}, n, note),
    ]


def _shares(codes: Codes, found: Codes) -> tuple[float, float, float]:
    """Return the share of notes found, of found ones that are notes, and of codes that are right."""
    right, there, made = found == codes, codes >= FIRST, found >= FIRST
    both = float((right & there).sum())
    return both / max(int(there.sum()), 1), both / max(int(made.sum()), 1), float(right.mean())
