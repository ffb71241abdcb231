"""Each baseline against its closed form, and what all of them promise."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from steps.doing import do
from steps.fitted import NAMES, REGISTRY, fitted

import gdl_baseline
from gdl_baseline.config import GaussianConfig, HistogramConfig
from gdl_baseline.gaussian import Gaussian
from gdl_baseline.histogram import Histogram
from gdl_core import ModelSpec, builtin, hookimpl
from gdl_core.data.dataset import Dataset
from gdl_core.errors import DataError, InputError, PluginError, RecipeError
from gdl_core.latent.tiles import decode_rows, sample_rows
from gdl_core.model_file import read_model, write_model
from gdl_core.noise import Noise
from gdl_core.recipe.check import check_text
from gdl_core.recipe.schema import recipe_schema
from gdl_core.registry import Registry
from gdl_core.steps.context import StepContext
from gdl_core.steps.train import Arguments, run
from gdl_core.training.build import build_model


def vectors(n: int = 600, numbers: int = 3, seed: int = 0) -> Dataset:
    """Correlated numbers of different size, a fifth of them held out and far away, so that using those would show."""
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(n, numbers)) @ rng.normal(size=(numbers, numbers)) + rng.normal(size=numbers)
    held_out = np.arange(0, n, 5)
    data[held_out] *= 50
    return Dataset("vectors", data.astype(np.float32), {}, held_out, "v")


def pictures(n: int = 200, size: int = 5) -> Dataset:
    rng = np.random.default_rng(1)
    data = (rng.random((n, 1, size, size)) ** 3 * rng.integers(1, 256, (n, 1, 1, 1))).astype(np.uint8)
    data[:, :, 0, 0] = 7  # a pixel that never changes
    return Dataset("pictures", data, {}, np.arange(0, n, 10), "p")


def test_the_specs_tell_what_the_classes_do() -> None:
    for spec in gdl_baseline.gdl_models():
        found = REGISTRY.find("model", spec.name)
        model_class = REGISTRY.load(found, "target")
        assert set(spec.roles) == model_class.roles()
        assert spec.fitted
        assert model_class.fits_at_once()


@pytest.mark.parametrize("data", [vectors(), pictures()], ids=["vectors", "pictures"])
@pytest.mark.parametrize("name", NAMES)
def test_saved_and_read_it_makes_the_same_and_sample_i_is_one_thing(name: str, data: Dataset, tmp_path: Path) -> None:
    more = {"noise": True} if name == "gaussian" else {}
    trained = replace(fitted(name, data, tmp_path, **more), tile=8)
    write_model(trained, tmp_path / "it.gdl")
    read = read_model(tmp_path / "it.gdl", REGISTRY)
    assert read.fingerprint == trained.fingerprint
    noise = Noise(3).stream("sample")
    many = sample_rows(trained, 40, noise)
    assert torch.equal(sample_rows(read, 40, noise), many)
    assert torch.equal(sample_rows(trained, 1, noise, start=29)[0], many[29])
    assert many.shape == (40, *data.shape)
    assert many.dtype == torch.float32
    assert len(torch.unique(many.flatten(1), dim=0)) > 30  # no tile repeats another
    if data.is_pictures:
        assert 0 <= float(many.min()) <= float(many.max()) <= 1
    other = fitted(name, data, tmp_path, seed=6, **more)
    again = fitted(name, data, tmp_path, **more)
    assert again.fingerprint == trained.fingerprint
    assert (other.fingerprint == trained.fingerprint) == (name not in ("copy", "few", "collapsed"))


def test_the_box_is_the_range_of_the_training_samples_and_filled_evenly(tmp_path: Path) -> None:
    data = vectors()
    trained = fitted("box", data, tmp_path)
    train = data.tensor(data.train)
    low, high = trained.model.uniform_box() or (None, None)
    assert torch.equal(low, train.amin(0))
    assert torch.equal(high, train.amax(0))
    shares = (sample_rows(trained, 8000, Noise(0)) - low) / (high - low)
    assert 0 <= float(shares.min()) <= float(shares.max()) <= 1
    expected = torch.arange(1, 10) / 10
    for column in shares.T:
        assert torch.quantile(column, expected).numpy() == pytest.approx(expected.numpy(), abs=0.02)
    assert np.abs(np.corrcoef(shares.T.numpy()) - np.eye(3)).max() < 0.04
    middle = decode_rows(trained, torch.zeros(1, 3))
    assert middle.numpy() == pytest.approx(((low + high) / 2)[None].numpy(), rel=1e-5)


@pytest.mark.parametrize("levels", [256, 32, 10])
def test_a_histogram_of_pictures_has_the_marginals_of_the_data(levels: int, tmp_path: Path) -> None:
    data = pictures()
    trained = fitted("histogram", data, tmp_path, levels=levels)
    # p at the middle of each of the n steps of every pixel's distribution gives its training values in their order.
    n = len(data.train)
    p = (torch.arange(n) + 0.5) / n
    z = torch.special.ndtri(p.double()).float()[:, None, None, None].expand(n, *data.shape).contiguous()
    made = decode_rows(trained, z)
    real = np.sort(data.data[data.train], axis=0)
    level = real.astype(int) * levels // 256
    greys = np.array([np.flatnonzero(np.arange(256) * levels // 256 == number).mean() for number in range(levels)])
    assert made.numpy() * 255 == pytest.approx(greys[level], abs=1e-3)
    if levels == 256:
        assert (np.round(made.numpy() * 255) == real).all()


def test_a_histogram_of_numbers_has_the_quantiles_of_the_data(tmp_path: Path) -> None:
    data = vectors(4000)
    trained = fitted("histogram", data, tmp_path)
    made, real = sample_rows(trained, 8000, Noise(0)).numpy(), data.data[data.train]
    for share in (0.02, 0.2, 0.5, 0.8, 0.98):
        wanted = np.quantile(real, share, axis=0)
        assert np.quantile(made, share, axis=0) == pytest.approx(wanted, abs=0.08 * float(real.std()))
    assert np.abs(np.corrcoef(real.T) - np.eye(3)).max() > 0.3
    assert np.abs(np.corrcoef(made.T) - np.eye(3)).max() < 0.04


@given(st.lists(st.floats(-6, 6, width=32), min_size=2, max_size=8))
@settings(max_examples=40, deadline=None)
def test_the_inverse_of_a_distribution_never_falls(points: list[float]) -> None:
    model = Histogram(HistogramConfig(levels=7), (1,))
    counts = torch.tensor([0.0, 3, 0, 1, 5, 0, 0])
    model.cumulative.copy_((counts.cumsum(0) / counts.sum())[None])
    made = model.decode(torch.tensor(sorted(points))[:, None])[:, 0]
    assert bool((made.diff() >= 0).all())
    level = (made * 7).clamp(max=4.999).floor()
    assert bool(((level == 1) | (level == 3) | (level == 4) | (made * 7 - made.mul(7).round()).abs().lt(1e-4)).all())


def test_the_ends_of_a_distribution_are_where_something_was() -> None:
    model = Histogram(HistogramConfig(levels=4), (1,))
    model.cumulative.copy_(torch.tensor([[0.0, 0.5, 1.0, 1.0]]))
    made = model.decode(torch.tensor([[-40.0], [0.0], [40.0]]))[:, 0]
    assert made.tolist() == pytest.approx([0.25, 0.5, 0.75])
    grey = Histogram(HistogramConfig(levels=4), (1, 1, 1))
    grey.cumulative.copy_(torch.tensor([[0.0, 0.5, 1.0, 1.0]]))
    made = grey.decode(torch.tensor([-40.0, 0.0, 40.0])[:, None, None, None]).flatten()
    assert (made * 255).tolist() == pytest.approx([95.5, 159.5, 159.5])  # the middle of 64 … 127 and of 128 … 191


def test_a_histogram_that_no_memory_holds_is_refused() -> None:
    with pytest.raises(InputError, match="lower 'levels' or make the pictures smaller"):
        Histogram(HistogramConfig(), (3, 1024, 1024))


def test_a_gaussian_of_all_components_has_the_mean_and_covariance_of_the_data(tmp_path: Path) -> None:
    data = vectors(4000)
    trained = fitted("gaussian", data, tmp_path, latent=3)
    model, real = trained.model, data.data[data.train].astype(np.float64)
    w = (model.components * model.scale[:, None]).double().numpy()
    assert model.mean.numpy() == pytest.approx(real.mean(0), abs=1e-5)
    assert w.T @ w == pytest.approx(np.cov(real.T, bias=True), rel=1e-3, abs=1e-4)
    made = sample_rows(trained, 20_000, Noise(1)).numpy()
    assert np.cov(made.T) == pytest.approx(np.cov(real.T), abs=0.06 * np.cov(real.T).max())
    x = data.tensor(data.train[:50])
    assert decode_rows(trained, model.encode(x).mean).numpy() == pytest.approx(x.numpy(), abs=1e-3)
    inverse, volume = np.linalg.inv(w.T @ w), np.linalg.slogdet(2 * np.pi * w.T @ w)[1]
    away = x.numpy() - model.mean.numpy()
    expected = -0.5 * (np.einsum("ni,ij,nj->n", away, inverse, away) + volume)
    assert model.log_prob(x, Noise(0)).numpy() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_probabilistic_pca_by_its_definition(size: int, tmp_path: Path) -> None:
    """Tipping & Bishop 1999: marginal N(mean, W Wᵀ + σ² I), posterior with M⁻¹ Wᵀ (x − mean) and σ² M⁻¹."""
    data = vectors(900, numbers=6, seed=2)
    trained = fitted("gaussian", data, tmp_path, latent=size, noise=True)
    model = trained.model
    real = data.data[data.train].astype(np.float64)
    variances = np.linalg.eigvalsh(np.cov(real.T, bias=True))[::-1]
    assert float(model.variance) == pytest.approx(variances[size:].mean(), rel=1e-3)
    w = (model.components * model.scale[:, None]).double().numpy().T
    covariance = w @ w.T + float(model.variance) * np.eye(6)
    assert np.linalg.eigvalsh(covariance)[::-1][:size] == pytest.approx(variances[:size], rel=1e-3)
    x = data.tensor(data.train[:20])
    away = x.double().numpy() - model.mean.double().numpy()
    inner = np.linalg.inv(w.T @ w + float(model.variance) * np.eye(size))
    q = model.encode(x)
    assert q.mean.numpy() == pytest.approx(away @ w @ inner, rel=1e-3, abs=1e-3)
    assert q.log_var is not None
    assert q.log_var.exp().numpy() == pytest.approx(np.tile(np.diag(float(model.variance) * inner), (20, 1)), rel=1e-3)
    density = -0.5 * (
        np.einsum("ni,ij,nj->n", away, np.linalg.inv(covariance), away) + np.linalg.slogdet(2 * np.pi * covariance)[1]
    )
    assert model.log_prob(x, Noise(0)).numpy() == pytest.approx(density, rel=1e-3)
    made = sample_rows(trained, 20_000, Noise(1)).numpy()
    assert np.cov(made.T) == pytest.approx(covariance, abs=0.06 * covariance.max())


def test_the_noise_of_what_is_left_out_is_another_in_every_tile(tmp_path: Path) -> None:
    data = vectors(numbers=6)
    plain, noisy = (fitted("gaussian", data, tmp_path, latent=2, noise=noise) for noise in (False, True))
    rows = [sample_rows(replace(trained, tile=8), 40, Noise(3)) for trained in (plain, noisy)]
    added = rows[1] - rows[0]
    assert float(torch.pdist(added).min()) > 0.01 * float(added.std())


def test_components_that_the_data_lack_change_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    line = (rng.normal(size=(40, 1)) * np.array([[1.0, 2.0, -1.0, 0.0]])).astype(np.float32)
    data = Dataset("line", line, {}, np.arange(4), "l")
    model = fitted("gaussian", data, tmp_path, latent=9).model
    assert model.latent_shape == (4,)
    assert (model.scale[1:] < 1e-2).all()
    q = model.encode(data.tensor([5, 6]))
    assert q.mean.isfinite().all()
    assert model.decode(q.mean).numpy() == pytest.approx(line[5:7], abs=1e-2)
    empty = build_model(Gaussian, GaussianConfig(latent=2), (4,), Noise(0)).encode(torch.ones(1, 4))
    assert empty.mean.tolist() == [[0.0, 0.0]]  # before any fit: the prior
    assert empty.log_var.tolist() == [[0.0, 0.0]]
    assert math.isfinite(float(model.log_prob(data.tensor([5]), Noise(0))))


def test_of_fewer_samples_than_numbers_the_rest_counts_as_left_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = Dataset("few", rng.normal(size=(30, 40)).astype(np.float32), {}, np.arange(5), "f")
    most, all_ = (fitted("gaussian", data, tmp_path, latent=latent).model for latent in (39, 40))
    x = data.tensor(data.held_out)
    assert most.log_prob(x, Noise(0)).tolist() == pytest.approx(all_.log_prob(x, Noise(0)).tolist(), rel=1e-3)


def test_a_copy_repeats_training_samples_and_nothing_else(tmp_path: Path) -> None:
    data = vectors()
    trained = fitted("copy", data, tmp_path, n=20)
    made = sample_rows(trained, 2000, Noise(0))
    train = {tuple(row) for row in data.data[data.train].tolist()}
    counts = torch.unique(made, dim=0, return_counts=True)
    assert {tuple(row) for row in counts[0].tolist()} <= train
    assert len(counts[1]) == 20
    assert int(counts[1].min()) > 50
    assert fitted("copy", data, tmp_path, n=10_000).config["n"] == len(data.train)


def test_a_few_modes_are_ways_between_neighbours(tmp_path: Path) -> None:
    data = vectors(2000)
    model = fitted("few", data, tmp_path, n=12, reach=0.25).model
    real = torch.from_numpy(data.data[data.train])
    for start, end in zip(model.samples, model.towards, strict=True):
        apart = (real - start).norm(dim=1).sort().values
        assert float(apart[0]) == 0
        assert float((end - start).norm()) == pytest.approx(float(apart[1]))
    made = model.sample(400, Noise(1))
    gone = torch.cdist(made, model.samples) / (model.towards - model.samples).norm(dim=1)
    assert float(gone.amin(1).max()) <= 0.25 + 1e-4
    assert len(torch.unique(gone.argmin(1))) == 12
    assert len(torch.unique(made, dim=0)) == 400
    assert fitted("few", data, tmp_path, n=10_000).config["n"] == len(data.train)


def test_a_collapsed_model_stays_near_one_sample(tmp_path: Path) -> None:
    data = vectors(2000)
    made = sample_rows(fitted("collapsed", data, tmp_path, neighbours=20), 500, Noise(0)).numpy()
    real = data.data[data.train]
    assert np.linalg.det(np.cov(made.T)) < 0.3**6 * np.linalg.det(np.cov(real.T))
    assert (made.min(0) > real.min(0)).all()
    assert (made.max(0) < real.max(0)).all()
    assert len(np.unique(made, axis=0)) == 500


def check(text: str) -> list[str]:
    """Return what is wrong with the step `m` of a recipe."""
    try:
        check_text(
            f"gdl: 1\nsteps:\n  data: {{do: points, n: 60}}\n  m: {{do: train, data: $data, {text}}}\n", REGISTRY
        )
    except RecipeError as error:
        return [f"{fault.line}:{fault.column} {fault.message}" for fault in error.faults]
    return []


def test_a_recipe_says_neither_how_long_nor_in_what_batches() -> None:
    assert check("model: box") == []
    assert check("model: baseline/gaussian, set: {latent: 2}, device: cpu") == []
    assert check("model: box, for: 3 epochs") == ["4:48 model box is fitted at once, not in rounds; leave out 'for'"]
    for key, value in (("batch", 128), ("ema", 0.9), ("precision", "fp32"), ("collapse", "warn"), ("previews", "true")):
        (told,) = check(f"model: box, {key}: {value}")
        assert f"leave out '{key}'" in told
    assert "unknown key 'latent'" in check("model: box, set: {latent: 2}")[0]


def test_a_spec_that_says_something_else_than_its_class_is_refused(tmp_path: Path) -> None:
    class Wrong:
        @hookimpl
        def gdl_models(self) -> list[ModelSpec]:
            return [replace(spec, fitted=False, plugin="") for spec in gdl_baseline.gdl_models()]

    registry = Registry.from_plugins({"core": builtin, "baseline": Wrong()})
    told = {"model": "box", "data": vectors(), "for": "1 epoch"}
    arguments = Arguments.model_validate(told, context={"base": tmp_path})
    with pytest.raises(PluginError, match=r"model baseline/box has fit\(\) and no players\(\), but its spec says"):
        run(arguments, StepContext("fit", Noise(0), tmp_path / "fit", tmp_path, registry, device="cpu"))


def test_what_a_model_file_and_a_report_tell_of_a_fit(tmp_path: Path) -> None:
    context = StepContext("fit", Noise(0), tmp_path / "fit", tmp_path, REGISTRY, device="cpu")
    arguments = Arguments.model_validate({"model": "box", "data": vectors()}, context={"base": tmp_path})
    assert run(arguments, context).training == {"fits": 1, "samples": 480, "seed": 0, "device": "cpu"}
    (note,) = context.notes
    assert note.startswith("box: fitted at once to 480 samples in ")


def test_there_are_no_curves_of_a_fit(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(DataError, match="box: fitted at once, so that there are no curves"):
        do("curves", tmp_path, model=fitted("box", vectors(), tmp_path))


def test_editors_are_told_the_same() -> None:
    schema = jsonschema.Draft202012Validator(recipe_schema(REGISTRY))

    def fits(**step: Any) -> bool:
        steps = {"data": {"do": "points"}, "m": {"do": "train", "data": "$data", **step}}
        return schema.is_valid({"gdl": 1, "steps": steps})

    assert fits(model="box")
    assert fits(model="gaussian", set={"latent": 2})
    assert not fits(model="box", **{"for": "3 epochs"})
    assert not fits(model="baseline/box", batch=3)
    assert fits(model="$which", **{"for": "3 epochs"})
