"""R²: how much of a number that a sample was made from (a height, a width) can be read off its code.

R² = 1 − Σ (y − ŷ)² / Σ (y − ȳ)² over held-out samples, with ŷ from a fit on training codes: once linear (least
squares), once the mean of the 10 nearest codes, which also follows curves. 1 is perfect, 0 is the mean of the held-out
samples, and below 0 is worse than that. Baseline: the same from principal coordinates of the samples.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gdl_core.measures.neighbours import nearest
from gdl_core.measures.subject import Measurement, Subject

K = 10


def r_squared(true: Tensor, guessed: Tensor) -> float:
    """Return 1 − residual / total sum of squares; 0 where the truth does not vary."""
    total = (true - true.mean()).square().sum()
    return float(1 - (true - guessed).square().sum() / total) if total > 0 else 0.0


def linear_guess(train: Tensor, known: Tensor, asked: Tensor) -> Tensor:
    """Return what a least-squares fit on (train, known) says of the rows asked, float64."""
    mean, scale = train.double().mean(dim=0), train.double().std(dim=0).clamp(min=1e-12)

    def design(rows: Tensor) -> Tensor:
        return torch.cat([(rows.double() - mean) / scale, torch.ones(len(rows), 1, dtype=torch.float64)], dim=1)

    coefficients = torch.linalg.lstsq(design(train), known[:, None], driver="gelsd").solution
    guess: Tensor = (design(asked) @ coefficients)[:, 0]
    return guess


def neighbour_guess(train: Tensor, known: Tensor, asked: Tensor, k: int = K) -> Tensor:
    """Return the mean of what is known of the k nearest rows, float64."""
    return known[nearest(asked, train, k)[1]].mean(dim=1)


def measure(subject: Subject) -> list[Measurement]:
    """Return both R² for each column of numbers; nothing where there is none."""
    columns = subject.columns(categories=False)
    if not columns:
        return []
    train, held_out = subject.train, subject.held_out
    codes = subject.train_codes, subject.held_out_codes
    plain = subject.dataset.form is None  # codes of letters have no principal components
    linear = (subject.pca_codes(train), subject.pca_codes(held_out)) if plain else None
    result = []
    for name, column in columns.items():
        known, true = (torch.from_numpy(column.values[side].astype(np.float64)) for side in (train, held_out))
        for word, guess in (("linear", linear_guess), (f"{K} nearest codes", neighbour_guess)):
            value = r_squared(true, guess(codes[0], known, codes[1]))
            baselines = {"mean": 0.0}
            if linear is not None:
                baselines = {subject.pca_name: r_squared(true, guess(linear[0], known, linear[1])), **baselines}
            note = f"fitted on {len(known)} training codes"
            result.append(Measurement(f"R² of {name}, {word}", value, "", "higher", baselines, len(true), note))
    return result
