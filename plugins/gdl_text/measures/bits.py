"""How many bits a model needs for each letter of held-out texts, beside n-grams of one to seven letters.

A text that ends within its sample has its end counted as a letter. Nothing is known of what was before a sample,
neither to the model nor to the n-grams, which learned from the same training texts. A model of latent points tells a
bound.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gdl_core.latent.tiles import score_rows
from gdl_core.measures.subject import Measurement, Subject
from gdl_text.form import TextForm
from gdl_text.ngrams import ORDERS, NGrams

_LOG2 = math.log(2.0)


def measure(subject: Subject) -> list[Measurement]:
    """Return bits a letter of held-out texts, and of as many training texts as a baseline."""
    form = subject.dataset.form
    assert isinstance(form, TextForm)
    held_out, ends = texts_of(subject, subject.held_out)
    train, train_ends = texts_of(subject, subject.dataset.train)
    letters = sum(map(len, held_out)) + sum(ends)
    grams = NGrams(train, train_ends, "".join(held_out))
    of_grams = np.sum([grams.bits(text, end) for text, end in zip(held_out, ends, strict=True)], axis=0) / letters
    noise = subject.noise.stream("bits")
    bits = -float(score_rows(subject.trained, subject.dataset, noise, subject.held_out).sum()) / _LOG2 / letters
    seen = some(subject, subject.train, len(subject.held_out))
    learned, learned_ends = texts_of(subject, seen)
    again = (
        -float(score_rows(subject.trained, subject.dataset, noise, seen).sum())
        / _LOG2
        / (sum(map(len, learned)) + sum(learned_ends))
    )
    told = {f"{order} letters" if order > 1 else "1 letter": float(of_grams[order - 1]) for order in ORDERS}
    note = "n-grams of so many letters, Witten & Bell; nothing is known of what was before a sample"
    return [
        Measurement(
            "bits a letter", float(bits), "bits", "lower", {**told, "training texts": float(again)}, len(held_out), note
        )
    ]


def some(subject: Subject, rows: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return n of the rows, or all, drawn by the measure's noise."""
    order = subject.noise.stream("texts").permutation(len(rows)).numpy()
    return np.sort(rows[order[:n]])


def texts_of(subject: Subject, rows: NDArray[np.int64]) -> tuple[list[str], list[bool]]:
    """Return the texts of samples, and whether each ends within its sample."""
    form = subject.dataset.form
    assert isinstance(form, TextForm)
    codes = subject.dataset.tensor(rows).numpy()
    return list(form.show(codes).samples), (codes == form.tokens.end).any(1).tolist()
