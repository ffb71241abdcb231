"""Nearest neighbours by plain distance, exact and in chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

CHUNK = 512
_EXACT_COLUMNS = 64


def nearest(asked: Tensor, known: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return distances and indices (n, k) of the k rows of `known` nearest to each row asked, the nearest first.

    The distances are those of the rows themselves, so that a copy is at none; which rows are nearest may go through a
    matrix product.
    """
    k = min(k, len(known))
    found = torch.cat([apart.topk(k, dim=1, largest=False).indices for apart in distances(asked, known)])
    each = (asked.float() - known[column].float() for column in found.T)  # one at a time: pictures are large
    apart = torch.stack([torch.linalg.vector_norm(away, dim=1) for away in each], dim=1)
    order = apart.argsort(dim=1, stable=True)
    return apart.gather(1, order), found.gather(1, order)


def nearest_of_parts(asked: Tensor, parts: Iterable[Tensor], k: int) -> tuple[Tensor, Tensor]:
    """Return the same of rows that come in parts, of which only one is held at a time."""
    apart, found, before = torch.empty(len(asked), 0), torch.empty(len(asked), 0, dtype=torch.int64), 0
    for known in parts:
        values, indices = nearest(asked, known, k)
        apart, found = torch.cat([apart, values], dim=1), torch.cat([found, indices + before], dim=1)
        order = apart.argsort(dim=1, stable=True)[:, :k]
        apart, found, before = apart.gather(1, order), found.gather(1, order), before + len(known)
    return apart, found


def distances(asked: Tensor, known: Tensor) -> Iterator[Tensor]:
    """Yield the distances from rows asked to all rows known, (at most CHUNK, known), in the order of the rows."""
    known = known.float()
    # Through a matrix product small distances lose digits: fine between pictures, too coarse for codes of few numbers.
    way = "donot_use_mm_for_euclid_dist" if known.shape[1] <= _EXACT_COLUMNS else "use_mm_for_euclid_dist"
    for start in range(0, len(asked), CHUNK):
        yield torch.cdist(asked[start : start + CHUNK].float(), known, compute_mode=way)
