"""Does a model repeat its training samples? The share of samples that lie nearer to one than nearly all held-out do.

A made sample counts as a copy if its nearest training sample is nearer than that of all but a hundredth of the held-out
samples. So held-out samples score 0.01, and a model that repeats training samples 1. The distance is that between
samples as they are: a copy is a copy pixel by pixel.
"""

from __future__ import annotations

import torch

from gdl_core.measures.neighbours import nearest
from gdl_core.measures.subject import Measurement, Subject

QUANTILE = 0.01


def measure(subject: Subject) -> list[Measurement]:
    """Return the share of copies, beside that of held-out samples and of training samples themselves."""
    n = len(subject.held_out)
    train = subject.dataset.tensor(subject.train).flatten(1)
    held_out, _ = nearest(subject.held_out_samples.flatten(1), train, 1)
    near = float(torch.quantile(held_out[:, 0].double(), QUANTILE))
    distances, _ = nearest(subject.made.flatten(1), train, 1)
    share = float((distances[:, 0].double() < near).double().mean())
    baselines = {
        "held-out samples": float((held_out[:, 0].double() < near).double().mean()),
        "training samples repeated": 1.0 if near > 0 else 0.0,
    }
    note = f"nearest of {len(train)} training samples, nearer than {near:.4g}"
    return [Measurement("copies of training samples", share, "", "lower", baselines, n, note)]
