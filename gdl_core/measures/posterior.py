"""The aggregate posterior, all codes together, against the prior N(0, 1), one dimension at a time.

One draw z ~ q(z | x) for each held-out sample; a model without a variance gives its points. The distance is that of
Kolmogorov and Smirnov, sup |F_n(z) − Φ(z)|, in [0, 1]. Its baseline is as many true normal numbers, which do not reach
0 either. What this cannot see is dependence between dimensions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gdl_core.measures.subject import Measurement, Subject


def ks_distance(z: Tensor) -> Tensor:
    """Return the Kolmogorov–Smirnov distance from N(0, 1) of each column of z (n, d), float64 (d,)."""
    n = len(z)
    cdf = torch.special.ndtr(z.double().sort(dim=0).values)
    steps = torch.arange(n + 1, dtype=torch.float64)[:, None] / n
    return torch.maximum((steps[1:] - cdf).amax(dim=0), (cdf - steps[:-1]).amax(dim=0))


def measure(subject: Subject) -> list[Measurement]:
    """Return the largest KS distance, the largest shift of a mean and the standard deviations of the dimensions."""
    noise = subject.noise.stream("posterior")
    z = subject.held_out_posterior.draw(noise).flatten(1)
    n = len(z)
    truth = noise.stream("truth").normal(n, (subject.size,))
    distances, deviations = ks_distance(z), z.double().std(dim=0)
    drawn = "one draw of each posterior" if subject.held_out_posterior.log_var is not None else "points, no variance"
    shifts = z.double().mean(dim=0).abs()
    return [
        Measurement("distance from N(0, 1), mean of dimensions", float(distances.mean()), "KS", "lower",
                    {"true normal numbers": float(ks_distance(truth).mean())}, n, drawn),
        Measurement("distance from N(0, 1), worst dimension", float(distances.max()), "KS", "lower",
                    {"true normal numbers": float(ks_distance(truth).max())}, n, drawn),
        Measurement("mean of a dimension, farthest from 0", float(shifts.max()), "", "lower",
                    {"true normal numbers": float(truth.double().mean(dim=0).abs().max())}, n, drawn),
        Measurement("standard deviation, smallest dimension", float(deviations.min()), "", "none",
                    {"prior": 1.0}, n, drawn),
        Measurement("standard deviation, largest dimension", float(deviations.max()), "", "none",
                    {"prior": 1.0}, n, drawn),
    ]  # fmt: skip
