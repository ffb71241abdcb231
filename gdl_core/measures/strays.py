"""What is decoded away from the data: the share of decodes that lie as near to a training sample as real samples do.

A decode is accepted if its distance to the nearest training sample is at most the 95 % quantile of the distances from
held-out to training samples. Points are taken at growing distance from the middle of the codes (distance 1 is where
codes usually are, see `gdl_core.latent.strays`), evenly from the bounding box of the codes, and from the prior; the
reconstructions of held-out samples show the most that can be hoped for. The judge is plain distance between pictures,
which is kind to blurry and to empty ones. How kind it is on this dataset is told by the baselines: where the mean
sample or nothing at all is accepted, only large differences between two models mean something.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gdl_core.latent.strays import at_distances, in_box, nearest_distance
from gdl_core.latent.tiles import decode_rows, sample_rows
from gdl_core.measures.neighbours import nearest
from gdl_core.measures.subject import Measurement, Subject
from gdl_core.noise import Noise

DISTANCES = (0.5, 1.0, 2.0, 4.0, 8.0)
POINTS = 256
QUANTILE = 0.95
JUDGES = 4000
"""Most training samples that a decode is compared with."""


def measure(subject: Subject) -> list[Measurement]:
    """Return the accepted share at each distance, in the bounding box, and of samples where the model samples."""
    noise = subject.noise.stream("strays")
    known = subject.dataset.tensor(subject.train[:: max(1, -(-len(subject.train) // JUDGES))]).flatten(1)
    real = nearest(_evenly(subject.held_out_samples, 4 * POINTS).flatten(1), known, 1)[0][:, 0]
    threshold = torch.quantile(real, QUANTILE)

    def accepted(samples: Tensor) -> float:
        return float((nearest(samples.flatten(1), known, 1)[0][:, 0] <= threshold).double().mean())

    baselines = {
        "held-out samples": float((real <= threshold).double().mean()),
        "mean sample": accepted(known.mean(dim=0, keepdim=True)),
        "all zero": accepted(torch.zeros(1, known.shape[1])),
        "independent pixels": accepted(_independent(known, noise.stream("pixels"))),
    }
    codes = subject.train_codes.numpy()
    shape = subject.trained.model.latent_shape
    places = {
        f"at distance {distance:g}": points
        for distance, points in zip(DISTANCES, at_distances(codes, DISTANCES, POINTS, noise), strict=True)
    }
    places["in the bounding box of the codes"] = in_box(codes, POINTS, noise.stream("box"))
    judge = f"nearest of {len(known)} training samples within the {QUANTILE:.0%} quantile of held-out ones"
    own = decode_rows(subject.trained, _evenly(subject.held_out_posterior.mean, POINTS))
    result = [Measurement("accepted reconstructions", accepted(own), "", "higher", baselines, len(own), judge)]
    for where, points in places.items():
        share = accepted(decode_rows(subject.trained, points.reshape(POINTS, *shape)))
        gap = float(np.median(nearest_distance(points, codes)))
        note = f"{judge}; median gap to the nearest code {gap:.2f}"
        result.append(Measurement(f"accepted decodes {where}", share, "", "higher", baselines, POINTS, note))
    if "samples" in subject.trained.model.roles():
        drawn = accepted(sample_rows(subject.trained, POINTS, noise.stream("prior")))
        result.append(Measurement("accepted samples", drawn, "", "higher", baselines, POINTS, judge))
    return result


def _evenly(rows: Tensor, n: int) -> Tensor:
    """Return at most n rows from all over, since they may be sorted by a label."""
    return rows if len(rows) <= n else rows[torch.arange(n) * len(rows) // n]


def _independent(known: Tensor, noise: Noise) -> Tensor:
    """Return samples whose every number is drawn by itself from those of training samples (per-pixel histograms)."""
    rows = (noise.uniform(POINTS, (known.shape[1],)) * len(known)).long().clamp(max=len(known) - 1)
    return known.gather(0, rows)
