"""How the codes fill the plane p = Φ(z), cut into 20 × 20 cells.

If codes followed the prior, p would be uniform. Two numbers: the share of cells with at least one code, and χ² per
degree of freedom, Σ (count − n/400)² / (n/400) / 399, which is about 1 for uniform points and grows with n otherwise.
With more than two dimensions the two with the largest variance of the posterior means are taken.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gdl_core.latent.planes import z_to_p
from gdl_core.measures.subject import Measurement, Subject

CELLS = 20


def cell_counts(z: Tensor, cells: int = CELLS) -> NDArray[np.int64]:
    """Return how many points z (n, 2) fall in each cell of the p plane, int64 (cells, cells)."""
    place = np.clip((z_to_p(z.numpy()) * cells).astype(np.int64), 0, cells - 1)
    return np.bincount(place[:, 0] * cells + place[:, 1], minlength=cells * cells).reshape(cells, cells)


def filled(counts: NDArray[np.int64]) -> float:
    """Return the share of cells that hold a point."""
    return float((counts > 0).mean())


def unevenness(counts: NDArray[np.int64]) -> float:
    """Return χ² per degree of freedom against equal counts."""
    expected = counts.sum() / counts.size
    return float(((counts - expected) ** 2).sum() / expected / (counts.size - 1))


def measure(subject: Subject) -> list[Measurement]:
    """Return filling and evenness of the posterior means, which a map shows, and of draws; nothing in one dimension."""
    if subject.size < 2:
        return []
    noise = subject.noise.stream("plane_fill")
    means = subject.held_out_codes
    dims = means.var(dim=0).argsort(descending=True, stable=True)[:2].sort().values
    kinds = {"posterior means": means}
    if subject.held_out_posterior.log_var is not None:
        kinds["posterior draws"] = subject.held_out_posterior.draw(noise).flatten(1)
    uniform = cell_counts(noise.stream("uniform").normal(len(means), (2,)))
    where = f"z{int(dims[0]) + 1} and z{int(dims[1]) + 1}, {CELLS} × {CELLS} cells"
    result = []
    for kind, z in kinds.items():
        counts = cell_counts(z[:, dims])
        result += [
            Measurement(f"filled share of the p plane, {kind}", filled(counts), "", "higher",
                        {"prior": filled(uniform)}, len(means), where),
            Measurement(f"unevenness in the p plane, {kind}", unevenness(counts), "χ² per degree of freedom", "lower",
                        {"prior": unevenness(uniform)}, len(means), where),
        ]  # fmt: skip
    return result
