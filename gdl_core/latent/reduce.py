"""Principal components, for maps of large latent spaces and as the baseline of everything that has a bottleneck."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

EXACT_LIMIT = 2048
"""Largest number of columns whose covariance is decomposed exactly; beyond it, by a randomised method (Halko 2011)."""


@dataclass(frozen=True)
class Pca:
    """The k directions in which rows vary most (Pearson 1901).

    Attributes:
        mean: (d,) float32, the mean row.
        components: (k, d) float32, orthonormal, the largest first; the largest entry of each is positive.
        deviations: (k,) float32, standard deviation of the rows along each.
    """

    mean: Tensor
    components: Tensor
    deviations: Tensor

    def project(self, rows: Tensor) -> Tensor:
        """Return the coordinates of rows (n, d), float32 (n, k)."""
        return (rows.float() - self.mean) @ self.components.T

    def restore(self, coordinates: Tensor) -> Tensor:
        """Return the rows that coordinates (n, k) stand for, float32 (n, d)."""
        return coordinates @ self.components + self.mean


def fit_pca(rows: Tensor, k: int) -> Pca:
    """Fit k principal components to rows (n, d); k is lowered to what n and d allow. The result has no random part.

    Raises:
        ValueError: there are no rows.
    """
    if len(rows) == 0:
        raise ValueError("principal components of no rows")
    rows = rows.detach().cpu().float()
    n, d = rows.shape
    k = max(1, min(k, n, d))
    mean = rows.double().mean(dim=0).float()
    centred = rows - mean
    if d <= EXACT_LIMIT:
        covariance = _covariance(centred)
        variances, vectors = torch.linalg.eigh(covariance)
        variances, components = variances.flip(0)[:k], vectors.T.flip(0)[:k]
    else:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            _, singular, vectors = torch.svd_lowrank(centred, q=min(k + 8, n, d), niter=4)
        variances, components = singular[:k].double().square() / n, vectors.T[:k].double()
    largest = components.abs().argmax(dim=1, keepdim=True)
    components = components * components.gather(1, largest).sign()
    return Pca(mean, components.float().contiguous(), variances.clamp(min=0).sqrt().float())


def _covariance(centred: Tensor, chunk: int = 4096) -> Tensor:
    """Return the covariance (d, d) in float64, summed over chunks of rows."""
    total = torch.zeros(centred.shape[1], centred.shape[1], dtype=torch.float64)
    for start in range(0, len(centred), chunk):
        part = centred[start : start + chunk].double()
        total += part.T @ part
    return total / len(centred)
