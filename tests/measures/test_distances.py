"""Fréchet and kernel distance of clouds whose distance is known in closed form."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from latent.models import TinyConfig, make
from measures.test_fidelity import BARS, Maker, subject, told
from torch import Tensor

from gdl_core.contracts import Model
from gdl_core.errors import MissingExtraError
from gdl_core.measures import frechet
from gdl_core.measures.frechet import frechet_distance, kernel_distance
from gdl_core.measures.subject import Subject
from gdl_core.noise import Noise

pytest.importorskip("torchmetrics")


def exactly(mean: Tensor, covariance: Tensor, n: int, seed: int = 0) -> Tensor:
    """Return n points, float64, whose mean and covariance are these and not only near them."""
    raw = torch.randn(n, len(mean), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    raw = raw - raw.mean(0)
    white = raw @ torch.linalg.inv(torch.linalg.cholesky(raw.T @ raw / (n - 1))).T
    return white @ torch.linalg.cholesky(covariance).T + mean


@given(
    st.lists(st.floats(0.05, 4), min_size=3, max_size=3),
    st.lists(st.floats(0.05, 4), min_size=3, max_size=3),
    st.floats(-5, 5),
    st.integers(0, 10),
)
@settings(max_examples=20, deadline=None)
def test_gaussians_are_as_far_apart_as_the_formula_says(
    first: list[float], second: list[float], shift: float, seed: int
) -> None:
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))[0]
    a, b = (torch.tensor(values, dtype=torch.float64) for values in (first, second))
    mean = torch.full((3,), 1000.0, dtype=torch.float64)  # far from zero, where moments lose their digits
    one = exactly(mean, turn @ a.diag() @ turn.T, 50, seed)
    other = exactly(mean + shift, turn @ b.diag() @ turn.T, 70, seed + 1)
    # Covariances with the same axes commute, so tr(A + B − 2 (AB)^½) = Σ (√a − √b)².
    truth = 3 * shift**2 + float((a.sqrt() - b.sqrt()).square().sum())
    assert frechet_distance(one, other) == pytest.approx(truth, abs=1e-6)
    assert frechet_distance(other, one) == pytest.approx(truth, abs=1e-6)


def test_covariances_that_do_not_commute() -> None:
    a = torch.tensor([[2.0, 1.0], [1.0, 3.0]], dtype=torch.float64)
    b = torch.tensor([[1.0, -0.5], [-0.5, 2.0]], dtype=torch.float64)
    # The root of a 2 × 2 matrix M has the trace (tr M + 2 √det M)^½.
    product = a @ b
    root = (product.trace() + 2 * product.det().sqrt()).sqrt()
    zero = torch.zeros(2, dtype=torch.float64)
    found = frechet_distance(exactly(zero, a, 40), exactly(zero, b, 40, seed=1))
    assert found == pytest.approx(float(a.trace() + b.trace() - 2 * root), abs=1e-9)
    assert frechet_distance(exactly(zero, a, 40), exactly(zero, a, 40, seed=1)) == pytest.approx(0, abs=1e-6)


def test_the_kernel_distance_is_its_definition() -> None:
    rng = np.random.default_rng(0)
    real, made = rng.normal(size=(30, 4)), rng.normal(0.5, 2, size=(30, 4))

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / 4 + 1) ** 3)

    within = sum(kernel(s[i], s[j]) for s in (real, made) for i in range(30) for j in range(30) if i != j)
    across = sum(kernel(x, y) for x in real for y in made)
    truth = within / (30 * 29) - 2 * across / 900
    assert kernel_distance(torch.from_numpy(real), torch.from_numpy(made))[0] == pytest.approx(truth, rel=1e-9)


def test_the_kernel_distance_is_unbiased_and_knows_its_error() -> None:
    generator = torch.Generator().manual_seed(0)

    def draws(shift: float) -> np.ndarray:
        pairs = [[torch.randn(60, 3, generator=generator) for _ in range(2)] for _ in range(300)]
        return np.array([kernel_distance(a, b + shift) for a, b in pairs])

    same, shifted = draws(0.0), draws(1.0)
    assert abs(same[:, 0].mean()) < 4 * same[:, 0].std() / 300**0.5
    assert (same[:, 0] < 0).any()
    # For x ~ N(0, I) and y ~ N(s, I): E (x·y/d + 1)³ by the moments of x·y given the other, all terms up to the third.
    d, s = 3, np.ones(3)
    pure = 1 + 3 * (1 / d)  # E (x·x'/d + 1)³ = 1 + 3 E(x·x')² / d², odd moments being 0
    mixed = 1 + 3 * (d + s @ s) / d**2  # E (x·y)² = E |y|² = d + |s|²
    m2 = float(s @ s)
    dots = np.array([m2, d + 2 * m2 + m2**2, 3 * m2 * d + 6 * m2 + 6 * m2**2 + m2**3])
    moved = 1 + 3 * dots[0] / d + 3 * dots[1] / d**2 + dots[2] / d**3
    truth = pure + moved - 2 * mixed
    assert shifted[:, 0].mean() == pytest.approx(truth, abs=4 * shifted[:, 0].std() / 300**0.5)
    assert np.median(shifted[:, 1]) == pytest.approx(shifted[:, 0].std(), rel=0.3)


def test_the_error_is_what_leaving_out_one_of_each_side_tells() -> None:
    real, made = (torch.from_numpy(np.random.default_rng(seed).normal(seed, 1, size=(12, 2))) for seed in (0, 1))
    without = [kernel_distance(*(torch.cat([s[:i], s[i + 1 :]]) for s in (real, made)))[0] for i in range(12)]
    assert kernel_distance(real, made)[1] == pytest.approx(np.sqrt(11 * np.var(without)), rel=1e-9)


def test_blocks_are_averaged() -> None:
    generator = torch.Generator().manual_seed(0)
    real, made = (torch.randn(90, 2, generator=generator) + shift for shift in (0.0, 1.0))
    parts = [kernel_distance(real[i : i + 30], made[i : i + 30]) for i in (0, 30, 60)]
    value, error = kernel_distance(real, made, size=40)
    assert value == pytest.approx(np.mean([part[0] for part in parts]))
    assert error == pytest.approx(np.sqrt(np.sum([part[1] ** 2 for part in parts])) / 3)


def test_samples_lie_between_the_floor_and_the_baselines() -> None:
    good, few, noise = (told(frechet.measure(subject(how))) for how in ("train", "few", "noise"))
    for name in ("Fréchet distance", "kernel distance"):
        floor = good[name].baselines["training samples"]
        assert abs(good[name].value - floor) < 0.2 * few[name].value
        assert good[name].value < few[name].value < noise[name].value
        assert floor < good[name].baselines["18 training samples repeated"] < good[name].baselines["even noise"]
        assert good[name].note.startswith("180 made and 180 held-out samples, in 32 principal components, less their")
        assert "FID" not in name + good[name].note


def test_the_scale_of_the_features_does_not_matter() -> None:
    class Judge(Model):
        factor, shift = 1.0, 0.0

        def __init__(self, config: TinyConfig, data_shape: tuple[int, ...]) -> None:
            super().__init__(config, data_shape)
            self.anchor = torch.nn.Parameter(torch.zeros(1))

        def classify(self, x: Tensor) -> dict[str, Tensor]:
            return {"label": torch.ones(len(x), 1)}

        def features(self, x: Tensor) -> Tensor:
            return self.factor * x.mean(dim=3).flatten(1) + self.shift

    values = []
    for factor, shift in ((1.0, 0.0), (100.0, 7.0)):
        judge = make(Judge, BARS.shape)
        judge.model.factor, judge.model.shift = factor, shift
        values.append([one.value for one in frechet.measure(replace(subject("few"), extractor=judge))])
    assert values[0] == pytest.approx(values[1], rel=1e-3)


def test_too_few_or_constant_samples_are_not_measured() -> None:
    few = replace(BARS, held_out=BARS.held_out[:10])
    assert frechet.measure(Subject(make(Maker, BARS.shape), few, Noise(0))) == []
    black = replace(BARS, data=np.zeros_like(BARS.data))
    assert frechet.measure(Subject(make(Maker, BARS.shape), black, Noise(0))) == []


def test_without_torchmetrics_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("torchmetrics.image.fid", "torchmetrics.image.kid"):
        monkeypatch.setitem(sys.modules, module, None)
    for distance in (frechet_distance, kernel_distance):
        with pytest.raises(MissingExtraError, match=r"pip install 'gdl-toolkit\[metrics\]'"):
            distance(torch.zeros(30, 2), torch.zeros(30, 2))


def test_torchmetrics_is_imported_when_a_distance_is_asked_for_and_needs_no_torchvision() -> None:
    program = (
        "import sys, torch; from gdl_core.measures import frechet; print('torchmetrics' in sys.modules);"
        "frechet.frechet_distance(torch.eye(3), torch.eye(3)); frechet.kernel_distance(torch.eye(3), torch.eye(3));"
        "print('torchmetrics' in sys.modules, 'torchvision' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True", "False"], done.stderr
