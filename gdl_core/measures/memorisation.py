"""Does a model repeat its training samples? The share of samples that lie nearer to one than nearly all held-out do.

A made sample counts as a copy if its nearest training sample is nearer than that of all but a hundredth of the held-out
samples. So held-out samples score 0.01, and a model that repeats training samples 1. The distance is that between
samples as they are: a copy is a copy pixel by pixel. All training samples are looked through, since one that was left
out could be the one that is repeated; of the others 2,000 at most are.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gdl_core.measures.neighbours import nearest
from gdl_core.measures.subject import Measurement, Subject, chunks

QUANTILE = 0.01
MOST = 2000
_NUMBERS = 1 << 24  # of training samples held at once


def measure(subject: Subject) -> list[Measurement]:
    """Return the share of copies, beside that of held-out samples and of training samples themselves."""
    n = min(len(subject.held_out), MOST)
    step = len(subject.held_out) / n
    rows = [int(number * step) for number in range(n)]  # evenly, since held-out samples may be sorted by a label
    held_out = _to_nearest(subject, subject.held_out_samples[rows])
    near = float(torch.quantile(held_out, QUANTILE))
    share = float((_to_nearest(subject, subject.made[:n]) < near).double().mean())
    baselines = {
        "held-out samples": float((held_out < near).double().mean()),
        "training samples repeated": 1.0 if near > 0 else 0.0,
    }
    note = f"nearest of all {len(subject.dataset.train)} training samples, nearer than {near:.4g}"
    return [Measurement("copies of training samples", share, "", "lower", baselines, n, note)]


def _to_nearest(subject: Subject, samples: Tensor) -> Tensor:
    """Return the distance of each sample (n, *data shape) to its nearest training sample, (n,) float64."""
    asked = samples.flatten(1)
    best = torch.full((len(asked),), torch.inf, dtype=torch.float64)
    for part in chunks(subject.dataset.train, max(1, _NUMBERS // asked.shape[1])):
        apart, _ = nearest(asked, subject.dataset.tensor(part).flatten(1), 1)
        best = torch.minimum(best, apart[:, 0].double())
    return best
