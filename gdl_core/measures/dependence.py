"""Do the parts of what is made belong together? The joint distribution of every two columns that a probe judges.

A model may make every category as often as the data have it, and still put together what never goes together: of the
drawn faces a beard, which the data have on half of the male ones and on no other. For two columns the total variation
½ Σ |p − q| between the joint shares of made and held-out samples tells, and beside it stands what a model would score
that has each column right and no dependence: training samples, one of whose columns is shuffled. The mutual
information Σ p log (p / (p₁ p₂)), in nats (Cover & Thomas 2006, eq. 2.28), says how much the columns tell of one
another, in the samples and in the data; estimated from shares it is too large by about (a − 1)(b − 1) / 2n for a and b
categories (Miller 1955).
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from gdl_core.measures.judged import Codes, Judged, total_variation
from gdl_core.measures.subject import Measurement, Subject

MOST_PAIRS = 15
"""Pairs told: those whose columns depend on one another most, in the data."""


def joint(codes: Codes, first: str, second: str, sizes: dict[str, int]) -> NDArray[np.float64]:
    """Return the shares of the categories of two columns together, (categories, categories), with the sum 1."""
    flat = codes[first] * sizes[second] + codes[second]
    counts = np.bincount(flat, minlength=sizes[first] * sizes[second])
    shares: NDArray[np.float64] = counts.reshape(sizes[first], sizes[second]) / len(flat)
    return shares


def independent(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the joint shares that columns with the same shares have where neither tells of the other."""
    product: NDArray[np.float64] = shares.sum(1, keepdims=True) * shares.sum(0, keepdims=True)
    return product


def mutual_information(shares: NDArray[np.float64]) -> float:
    """Return how much one column tells of the other, in nats, 0 or more."""
    there = shares > 0
    return max(0.0, float((shares[there] * np.log(shares[there] / independent(shares)[there])).sum()))


def measure(subject: Subject) -> list[Measurement]:
    """Return the total variation and the mutual information of each pair of columns; nothing without a probe of two."""
    if subject.extractor is None:
        return []
    judged = Judged(subject, subject.extractor)
    pairs = list(combinations(judged.sizes, 2))
    known = {pair: mutual_information(joint(judged.real, *pair, judged.sizes)) for pair in pairs}
    told = sorted(pairs, key=lambda pair: -known[pair])[:MOST_PAIRS]
    rest = f"; the {MOST_PAIRS} of {len(pairs)} pairs that depend most" if len(told) < len(pairs) else ""
    return [one for pair in told for one in _pair(judged, *pair, judged.note + rest)]


def _pair(judged: Judged, first: str, second: str, note: str) -> list[Measurement]:
    def shares(codes: Codes) -> NDArray[np.float64]:
        return joint(codes, first, second, judged.sizes)

    made, real = shares(judged.made), shares(judged.real)
    others = {name: shares(codes) for name, codes in judged.baselines.items()}
    train = judged.baselines["training samples"]
    order = judged.subject.noise.stream("independent", first, second).permutation(len(train[second])).numpy()
    apart = {
        "columns independent": total_variation(shares({**train, second: train[second][order]}), real),
        **{name: total_variation(other, real) for name, other in others.items()},
    }
    tells = {
        "held-out samples": mutual_information(real),
        **{name: mutual_information(other) for name, other in others.items()},
    }
    a, b = judged.names(first), judged.names(second)
    excess = made - real
    at, beside = divmod(int(np.abs(excess).argmax()), len(b))
    most = f"{a[at]} with {b[beside]}: {made[at, beside]:.3f}, held-out {real[at, beside]:.3f}"
    return [
        Measurement(f"total variation of {first} with {second}", total_variation(made, real), "", "lower", apart,
                    judged.n, f"{note}; most apart: {most}"),
        Measurement(f"mutual information of {first} and {second}", mutual_information(made), "nats", "none", tells,
                    judged.n, note),
    ]  # fmt: skip
