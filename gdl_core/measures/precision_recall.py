"""The two errors of a generative model: it makes what is not in the set, and it never makes what is in the set.

Around each real sample lies a ball that reaches to its 5th nearest real neighbour; together they stand for the set.
Precision is the share of made samples in any of them; recall is the same with the parts exchanged (Kynkäänniemi et al.
2019). An outlier has a large ball, so density counts the balls that a sample lies in, over 5, and coverage the share of
balls with any made sample in them (Naeem et al. 2020). Beside the model stand training samples (what can be reached), a
few of them repeated (precise, and far from covering), and even noise.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from gdl_core.measures.neighbours import distances, nearest
from gdl_core.measures.spaces import Space
from gdl_core.measures.subject import Measurement, Subject

K = 5


class Scores(NamedTuple):
    """Precision, recall and coverage in [0, 1]; density 0 or more, 1 for the data itself."""

    precision: float
    recall: float
    density: float
    coverage: float


def compare(real: Tensor, made: Tensor, k: int = K) -> Scores:
    """Return how made samples (n, numbers) lie among real ones (m, numbers)."""
    real_reach, made_reach = _reach(real, k), _reach(made, k)
    inside, balls, covered = 0, 0, torch.zeros(len(real), dtype=torch.bool)
    for apart in distances(made, real):  # (chunk, m)
        hits = apart <= real_reach
        inside += int(hits.any(1).sum())
        balls += int(hits.sum())
        covered |= hits.any(0)
    recalled = sum(int((apart <= made_reach).any(1).sum()) for apart in distances(real, made))
    return Scores(inside / len(made), recalled / len(real), balls / (k * len(made)), float(covered.double().mean()))


def _reach(points: Tensor, k: int) -> Tensor:
    """Return the distance of each point to its k-th nearest other one, (n,)."""
    return nearest(points, points, k + 1)[0][:, -1]


def measure(subject: Subject) -> list[Measurement]:
    """Return the four scores of the model, each beside the same of the baselines."""
    space = Space(subject)
    if space.n <= K:
        return []
    scores = compare(space.real, space.made)
    baselines = {
        "training samples": compare(space.real, space.train),
        f"{space.distinct} training samples repeated": compare(space.real, space.repeated),
        "even noise": compare(space.real, space.noise),
    }
    note = f"{space.n} made and {space.n} held-out samples, {space.name}; k = {K}"
    return [
        Measurement(
            name,
            getattr(scores, name),
            "",
            "higher",
            {b: getattr(s, name) for b, s in baselines.items()},
            space.n,
            note,
        )
        for name in Scores._fields
    ]
