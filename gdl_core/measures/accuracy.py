"""How often a probe is right on held-out samples, beside always naming the category that is commonest in training."""

from __future__ import annotations

import numpy as np

from gdl_core.errors import DataError
from gdl_core.latent.judged import category_names
from gdl_core.latent.tiles import classify_rows
from gdl_core.measures.intervals import wilson
from gdl_core.measures.subject import Measurement, Subject


def measure(subject: Subject) -> list[Measurement]:
    """Return the accuracy for each column that the model judges, with its 95 % interval (Wilson 1927)."""
    columns, dataset = subject.columns(categories=True), subject.dataset
    chances = classify_rows(subject.trained, dataset, subject.held_out)
    trained_on = classify_rows(subject.trained, dataset, subject.train)
    found = []
    for name, column in columns.items():
        if name not in chances or chances[name].shape[1] != len(column.names):
            continue
        names = category_names(subject.trained, name, len(column.names))
        if set(names) == set(column.names) and names != tuple(column.names):
            raise DataError(
                f"{subject.trained.name} knows the categories of {name} in another order than {dataset.name}: "
                f"{', '.join(names[:3])} …, here {', '.join(column.names[:3])} …; measure it on its own data"
            )
        true, known = column.values[subject.held_out], column.values[subject.train]
        hits, n = int((chances[name].argmax(1).numpy() == true).sum()), len(true)
        low, high = wilson(hits, n)
        baselines = {
            "commonest category": float((true == np.bincount(known.astype(np.int64)).argmax()).mean()),
            "on training samples": float((trained_on[name].argmax(1).numpy() == known).mean()),
        }
        note = f"{n} held-out samples; 95 %: {low:.4f} to {high:.4f}"
        found.append(Measurement(f"accuracy, {name}", hits / n, "", "higher", baselines, n, note))
    return found
