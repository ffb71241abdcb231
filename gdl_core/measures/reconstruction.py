"""Root-mean-square error of held-out samples after the round trip x → E[z | x] → decode.

Pictures are in [0, 1], so the error is in units of full brightness. The baselines are what needs no model: showing the
mean training sample every time, and principal component analysis with as many numbers as a latent point has (Pearson
1901), the best that any linear encoder and decoder can do on the training set.
"""

from __future__ import annotations

import torch

from gdl_core.latent.tiles import decode_rows
from gdl_core.measures.subject import Measurement, Subject, chunks


def measure(subject: Subject) -> list[Measurement]:
    """Return the error of the model, with the mean sample and PCA as baselines."""
    pca, tile = subject.pca, subject.trained.tile
    codes = subject.held_out_posterior.mean
    size = max(tile, 1024 // tile * tile)
    totals = torch.zeros(3, dtype=torch.float64)
    for number, part in enumerate(chunks(subject.held_out, size)):
        x = subject.dataset.tensor(part).flatten(1)
        decoded = decode_rows(subject.trained, codes[number * size : number * size + len(part)]).flatten(1)
        for slot, restored in enumerate((decoded, pca.mean.expand_as(x), pca.restore(pca.project(x)))):
            totals[slot] += (restored - x).double().square().mean(dim=1).sum()
    model, mean, linear = (totals / len(subject.held_out)).sqrt().tolist()
    unit = "of full brightness" if subject.dataset.is_pictures else "of the data"
    return [
        Measurement(
            "reconstruction error (RMSE)",
            model,
            unit,
            "lower",
            {subject.pca_name: linear, "mean sample": mean},
            len(subject.held_out),
            "held-out samples, decoded from their posterior means",
        )
    ]
