"""Models that are fitted at once: one call, no rounds, and nothing that could not be saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from training.toys import Toy, ToyConfig, fingerprint, fit, make, pictures

from gdl_core.contracts import Model
from gdl_core.data.dataset import Dataset
from gdl_core.errors import CancelledError, DataError, PluginError
from gdl_core.noise import Noise


class Mean(Model):
    """Learns the mean of a random half of the training samples, and where torch's generator stood."""

    def __init__(self, config: ToyConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.register_buffer("mean", torch.zeros(data_shape))
        self.register_buffer("drawn", torch.zeros(2))

    def fit(self, dataset: Dataset, noise: Noise, progress: Callable[[int, int], None]) -> None:
        progress(1, 4)
        order = noise.permutation(len(dataset.train)).numpy()[: len(dataset.train) // 2]
        self.get_buffer("mean").copy_(dataset.tensor(dataset.train[order]).mean(0))
        self.get_buffer("drawn").copy_(torch.rand(2))
        progress(3, 4)


def test_one_call_and_what_is_told_of_it(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    model = make(Mean)
    trained = fit(model, tmp_path, progress=lambda done, total, **parts: told.append((done, total)))
    assert trained.at_once
    assert (trained.steps, trained.samples, trained.device) == (1, 48, "cpu")
    assert trained.history.rows == ()
    assert not model.training
    assert told == [(0, 1), (1, 4), (3, 4), (1, 1)]
    assert list(tmp_path.iterdir()) == []
    assert model.device == torch.device("cpu")


def test_the_same_fit_twice_is_bit_identical_and_leaves_torchs_generator_alone(tmp_path: Path) -> None:
    torch.manual_seed(1)
    first, second = make(Mean), make(Mean)
    before = torch.random.get_rng_state()
    fit(first, tmp_path)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(7)
    fit(second, tmp_path)
    assert fingerprint(first) == fingerprint(second)


def test_one_that_was_broken_off_starts_again(tmp_path: Path) -> None:
    whole, broken = make(Mean), make(Mean)
    fit(whole, tmp_path)
    asked = iter([False, True])
    with pytest.raises(CancelledError, match="run it again"):
        fit(broken, tmp_path, cancelled=lambda: next(asked))
    fit(broken, tmp_path)
    assert fingerprint(broken) == fingerprint(whole)


def test_players_go_before_a_fit() -> None:
    class Both(Toy):
        def fit(self, *_: Any) -> None:
            raise AssertionError("a model with players is trained by them")

    assert Mean.fits_at_once()
    assert not Both.fits_at_once()
    assert not Toy.fits_at_once()
    assert Mean.roles() == {"trains"}


def test_a_fit_that_could_not_be_saved_is_refused(tmp_path: Path) -> None:
    class Grows(Mean):
        def fit(self, *_: Any) -> None:
            self.mean = torch.zeros(3)

    class Adds(Mean):
        def fit(self, *_: Any) -> None:
            self.register_buffer("more", torch.zeros(3))

    class Breaks(Mean):
        def fit(self, *_: Any) -> None:
            self.get_buffer("mean").fill_(float("nan"))

    for model_class, message in ((Grows, r"Grows.fit\(\) changed .* 'mean'"), (Adds, "'more'"), (Breaks, "not finite")):
        with pytest.raises(PluginError, match=message):
            fit(make(model_class), tmp_path)


def test_the_data_are_looked_at_first(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="samples of shape"):
        fit(make(Mean, side=5), tmp_path, pictures(side=4))
