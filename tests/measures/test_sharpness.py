"""Energies of edges that are known, and ratios of pictures made sharp or blurred."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from latent.models import TinyConfig, make
from measures.subjects import vectors
from measures.test_fidelity import BARS, Maker, subject, told
from torch import Tensor

from gdl_core.data.dataset import Dataset
from gdl_core.measures import sharpness
from gdl_core.measures.sharpness import blur, gradient_energy, laplacian_variance
from gdl_core.measures.subject import Subject
from gdl_core.noise import Noise


def test_a_ramp_and_a_board_have_the_energies_of_their_formulas() -> None:
    down, across = torch.meshgrid(torch.arange(9.0), torch.arange(7.0), indexing="ij")
    ramp = (0.1 * down + 0.02 * across).expand(2, 3, 9, 7)
    assert gradient_energy(ramp).tolist() == pytest.approx([0.1**2 + 0.02**2] * 2, rel=1e-4)
    assert laplacian_variance(ramp).tolist() == pytest.approx([0.0, 0.0], abs=1e-10)
    board = ((down + across) % 2).expand(1, 1, 9, 7)  # every neighbour differs by 1: Laplacian ± 4
    assert gradient_energy(board).tolist() == [2.0]
    plus = float(((down + across)[1:-1, 1:-1] % 2).mean())
    assert laplacian_variance(board).tolist() == pytest.approx([64 * plus * (1 - plus)])


def test_colours_are_averaged_and_transparency_is_none() -> None:
    grey = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    alpha = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    for energy in (gradient_energy, laplacian_variance):
        assert torch.allclose(energy(grey), energy(grey.expand(4, 3, 8, 8)))
        assert torch.allclose(energy(grey), energy(torch.cat([grey.expand(4, 3, 8, 8), alpha], 1)), atol=1e-6)
        assert torch.allclose(energy(0.5 * grey + 0.3), 0.25 * energy(grey), rtol=1e-4)


def test_blur_keeps_the_light_and_spreads_a_point_as_a_gaussian() -> None:
    point = torch.zeros(1, 2, 21, 21)
    point[0, 1, 10, 10] = 1.0
    spread = blur(point, 1.5)
    assert float(spread[0, 0].abs().max()) == 0
    assert float(spread.sum()) == pytest.approx(1.0, abs=1e-5)
    middle = spread[0, 1, 10]
    assert float(middle[12] / middle[10]) == pytest.approx(np.exp(-(2**2) / (2 * 1.5**2)), rel=1e-4)
    even = torch.full((1, 1, 9, 9), 0.7)
    assert torch.allclose(blur(even), even)


def test_training_samples_are_as_sharp_as_held_out_ones_and_blurred_ones_are_not() -> None:
    found = told(sharpness.measure(subject("train")))
    assert set(found) == {"sharpness, gradient energy", "sharpness, Laplacian variance"}
    for one in found.values():
        assert one.value == pytest.approx(one.baselines["training samples"], abs=0.15)
        assert one.value == pytest.approx(1.0, abs=0.2)
        assert one.baselines["held-out samples blurred by 1 pixel"] < 0.4
        assert one.baselines["even noise"] > 2

    class Blurring(Maker):
        how = "held-out"

        def __init__(self, config: TinyConfig, data_shape: tuple[int, ...]) -> None:
            super().__init__(config, data_shape)

        def decode(self, z: Tensor) -> Tensor:
            return blur(super().decode(z))

    blurred = told(sharpness.measure(Subject(make(Blurring, BARS.shape), BARS, Noise(3))))
    for name, one in blurred.items():
        assert one.value == pytest.approx(found[name].baselines["held-out samples blurred by 1 pixel"], rel=0.2)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    generator = torch.Generator().manual_seed(0)
    hits = 0
    for _ in range(400):
        made, real = (torch.rand(200, generator=generator, dtype=torch.float64) for _ in range(2))
        ratio, error = float(made.mean() / real.mean()), sharpness._error(made, real)
        hits += abs(ratio - 1) < 1.96 * error
    assert 0.91 < hits / 400 < 0.98


def test_what_has_no_edges_is_not_measured() -> None:
    points = vectors(np.random.default_rng(0).normal(size=(60, 2)))
    assert sharpness.measure(Subject(make(Maker, (2,)), points, Noise(0))) == []
    thin = Dataset("thin", np.zeros((60, 1, 2, 9), np.uint8), {}, np.arange(20), "thin")
    assert sharpness.measure(Subject(make(Maker, (1, 2, 9)), thin, Noise(0))) == []
    black = replace(BARS, data=np.zeros_like(BARS.data))
    assert sharpness.measure(Subject(make(Maker, BARS.shape), black, Noise(0))) == []
