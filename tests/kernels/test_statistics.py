"""The statistics of the noise, of one long stretch and of many seeds. All seeds are fixed: nothing fails by chance."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from gdl_core.kernels import randn, uniform


def normal_cdf(x: Tensor) -> Tensor:
    return 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def kolmogorov(cdf: Tensor) -> float:
    """The p-value of the test of Kolmogorov and Smirnov, from the CDF at each value."""
    ordered, n = cdf.sort().values, len(cdf)
    steps = torch.arange(n + 1, dtype=torch.float64) / n
    distance = max(float((steps[1:] - ordered).max()), float((ordered - steps[:-1]).max())) * math.sqrt(n)
    return 2 * sum((-1) ** (k - 1) * math.exp(-2 * (k * distance) ** 2) for k in range(1, 101))


def chi_squared(counts: Tensor) -> float:
    """How many standard deviations the chi-squared of counts that should be even lies from its mean."""
    expected, freedom = float(counts.sum()) / counts.numel(), counts.numel() - 1
    return (float(((counts - expected) ** 2).sum()) / expected - freedom) / math.sqrt(2 * freedom)


@pytest.fixture(scope="module")
def sample() -> Tensor:
    return randn((1 << 21,), seed=2024).double()


def test_moments_lie_within_four_standard_errors(sample: Tensor) -> None:
    n = len(sample)
    for power, expected, variance in [(1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)]:
        assert abs(float((sample**power).mean()) - expected) < 4 * math.sqrt(variance / n)


def test_the_distribution_is_normal(sample: Tensor) -> None:
    assert kolmogorov(normal_cdf(sample)) > 0.01


@pytest.mark.parametrize("draw", [randn, uniform])
def test_the_p_values_of_sixty_four_seeds_are_even(draw: object) -> None:
    p_values = []
    for seed in range(64):
        x = draw((100_000,), seed=seed).double()  # type: ignore[operator]
        p_values.append(kolmogorov(normal_cdf(x) if draw is randn else x))
    assert kolmogorov(torch.tensor(p_values, dtype=torch.float64)) > 0.01
    assert min(p_values) > 1e-4


def test_pairs_and_triples_fill_their_cells_evenly(sample: Tensor) -> None:
    cells = (normal_cdf(sample) * 16).long().clamp(max=15)
    for shift in (1, 2, 3):  # within one counter, and across two
        pairs = cells[:-shift] * 16 + cells[shift:]
        assert abs(chi_squared(pairs.bincount(minlength=256).double())) < 4
    triples = (cells[:-2] // 2) * 64 + (cells[1:-1] // 2) * 8 + cells[2:] // 2
    assert abs(chi_squared(triples.bincount(minlength=512).double())) < 4


@pytest.mark.parametrize("bound", [1.0, 2.0, 3.0, 4.0])
def test_tails_have_their_size(sample: Tensor, bound: float) -> None:
    p = math.erfc(bound / math.sqrt(2))
    count = float((sample.abs() > bound).sum())
    assert abs(count - p * len(sample)) < 4 * math.sqrt(p * (1 - p) * len(sample))


def test_words_seeds_and_neighbours_are_uncorrelated(sample: Tensor) -> None:
    limit = 4 / math.sqrt(len(sample) / 4)
    words = sample.reshape(-1, 4)
    other = randn((1 << 21,), seed=2025).double()
    assert float((words.T @ words / len(words) - torch.eye(4, dtype=torch.float64)).abs().max()) < 2 * limit
    assert abs(float((sample * other).mean())) < limit
    for lag in (1, 2, 4, 64):
        assert abs(float((sample[lag:] * sample[:-lag]).mean())) < limit
    assert abs(float((words[:, 0] ** 2 * words[:, 1] ** 2).mean()) - 1) < 4 * math.sqrt(8 / len(words))
