"""Nearest neighbours by plain distance, exact and in chunks."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

CHUNK = 512
_EXACT_COLUMNS = 64


def nearest(asked: Tensor, known: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return distances and indices (n, k) of the k rows of `known` nearest to each row asked, the nearest first."""
    k = min(k, len(known))
    known = known.float()
    # Through a matrix product small distances lose digits: fine between pictures, too coarse for codes of few numbers.
    way = "donot_use_mm_for_euclid_dist" if known.shape[1] <= _EXACT_COLUMNS else "use_mm_for_euclid_dist"
    parts = [torch.cdist(rows, known, compute_mode=way).topk(k, dim=1, largest=False) for rows in _pieces(asked)]
    return torch.cat([part.values for part in parts]), torch.cat([part.indices for part in parts])


def _pieces(rows: Tensor) -> Iterator[Tensor]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK].float()
