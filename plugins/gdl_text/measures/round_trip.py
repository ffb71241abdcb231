"""How much of a held-out text comes back after it was encoded and decoded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gdl_core.latent.tiles import decode_rows
from gdl_core.measures.subject import Measurement, Subject
from gdl_text.form import TextForm


def measure(subject: Subject) -> list[Measurement]:
    """Return the share of pieces that come back in their place, and of texts that come back whole."""
    form = subject.dataset.form
    assert isinstance(form, TextForm)
    codes = subject.dataset.tensor(subject.held_out).numpy()
    back = decode_rows(subject.trained, subject.held_out_posterior.mean).numpy()
    others = np.roll(codes, len(codes) // 2, axis=0)  # each beside another one, which is no neighbour in the data
    pieces, other_pieces = (_right(codes, found, form.tokens.end) for found in (back, others))
    whole, other_whole = (float((codes == found).all(1).mean()) for found in (back, others))
    n = len(codes)
    note = "held-out texts, decoded from their posterior means; pieces in their places"
    other = "another held-out text"
    return [
        Measurement("pieces that come back", pieces, "", "higher", {other: other_pieces}, n, note),
        Measurement("texts that come back", whole, "", "higher", {other: other_whole}, n),
    ]


def _right(wanted: NDArray[np.float32], found: NDArray[np.float32], end: int) -> float:
    counts = (wanted != end).cumsum(1)[:, -1:] >= np.arange(wanted.shape[1])  # the end of each text is counted too
    return float((wanted == found)[counts].mean())
