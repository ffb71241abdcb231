"""k-nearest-neighbour accuracy: how often the codes around a held-out sample's code agree with its label.

The labels were never trained on. The 10 nearest training codes (posterior means, plain distance) vote; a tie goes to
the label with the nearer codes (Fix and Hodges 1951). Baselines: the same in principal coordinates of the samples, as
many as a latent point has, and always naming the commonest label.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
import torch
from torch import Tensor

from gdl_core.measures.neighbours import nearest
from gdl_core.measures.subject import Measurement, Subject

K = 10


def knn_accuracy(train: Tensor, train_labels: Tensor, asked: Tensor, labels: Tensor, k: int = K) -> float:
    """Return the share of rows of `asked` whose k nearest rows of `train` vote for their label."""
    _, indices = nearest(asked, train, k)
    votes = train_labels[indices]
    # A vote counts 1, less a little for each place further away: too little to outvote, enough to part a tie.
    weights = 1.0 - torch.arange(votes.shape[1]) * (0.5 / votes.shape[1] ** 2)
    classes = int(max(train_labels.max(), labels.max())) + 1
    tally = torch.zeros(len(asked), classes).scatter_add_(1, votes, weights.expand(votes.shape))
    return float((tally.argmax(dim=1) == labels).double().mean())


def measure(subject: Subject) -> list[Measurement]:
    """Return the accuracy for each column of categories; nothing where there is none."""
    columns = subject.columns(categories=True)
    if not columns:
        return []
    train, held_out = subject.train, subject.held_out
    plain = subject.dataset.form is None  # codes of letters have no principal components
    linear = (subject.pca_codes(train), subject.pca_codes(held_out)) if plain else None
    result = []
    for name, column in columns.items():
        known = torch.from_numpy(column.values[train].astype(np.int64))
        true = torch.from_numpy(column.values[held_out].astype(np.int64))
        if not len(np.intersect1d(known, true)):
            continue  # such as whole pieces that are held out: there is nothing to be right about
        accuracy = knn_accuracy(subject.train_codes, known, subject.held_out_codes, true)
        margin = 1.96 * sqrt(accuracy * (1 - accuracy) / len(true))
        baselines = {"commonest label": float((true == known.bincount().argmax()).double().mean())}
        if linear is not None:
            baselines = {subject.pca_name: knn_accuracy(linear[0], known, linear[1], true), **baselines}
        note = f"{min(K, len(known))} nearest of {len(known)} training codes; ± {margin:.3f} (95 %)"
        result.append(Measurement(f"k-NN accuracy, {name}", accuracy, "", "higher", baselines, len(true), note))
    return result
