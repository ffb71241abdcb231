"""Digits by GANs: samples asked for by category as a probe judges them, and what augmentation does with few digits.

    python benchmarks/gan_digits.py conditional
    python benchmarks/gan_digits.py few

`conditional` trains for 10 epochs and asks for 100 samples of each digit. `few` trains on 300 digits for 1,200 rounds,
with each policy and two seeds; samples are compared with the held-out digits in the features of the probe.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from gdl_core.contracts import Model
from gdl_core.data.dataset import Dataset
from gdl_core.latent.tiles import classify_rows, measure_tile, sample_rows
from gdl_core.measures.subject import Subject
from gdl_core.noise import Noise
from gdl_core.registry import get_registry
from gdl_core.steps.context import StepContext
from gdl_core.training.build import build_model
from gdl_core.training.config import TrainingConfig
from gdl_core.training.loop import train
from gdl_core.values import Column, TrainedModel
from gdl_gan.config import GANConfig
from gdl_gan.gan import GAN
from gdl_probe.config import ProbeConfig
from gdl_probe.probe import Probe

POLICIES = ("none", "translation", "colour,translation,cutout")
FEW = 300


def digits() -> Dataset:
    """Return the digits as recipes of seed 7 have them."""
    registry, here = get_registry(), Path()
    spec = registry.find("dataset", "digits")
    context = StepContext("data", Noise(7), here, here, registry)
    found: Dataset = registry.load(spec, "target")(registry.load(spec, "config")(), context)
    return found


def some(data: Dataset, n: int) -> Dataset:
    """Return the first n training digits and all held-out ones."""
    rows = np.sort(np.concatenate([data.train[:n], data.held_out]))
    columns = {name: Column(column.values[rows], column.names) for name, column in data.columns.items()}
    return Dataset("some digits", data.data[rows], columns, np.flatnonzero(np.isin(rows, data.held_out)), f"{n}")


def fit(model_class: type[Model], config: Any, data: Dataset, seed: int, **settings: Any) -> TrainedModel:
    """Train a model and say what it took and what was noticed."""
    config = model_class.fit_config(config, data)
    model = build_model(model_class, config, data.shape, Noise(seed))
    training = TrainingConfig.model_validate({"batch": 64, "precision": "fp32", **settings})
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        done = train(model, data, training, Path(folder), Noise(seed), tell=print)
    last = dict(zip(done.history.header, done.history.rows[-1], strict=True))
    told = {name: f"{value:.3f}" for name, value in last.items() if "accuracy" in name}
    print(f"  {model_class.__name__}: {time.process_time() - began:.0f} s of CPU time, {told}", flush=True)
    return TrainedModel(model, model_class.__name__, "1", {}, data.shape, measure_tile(model), f"{seed}")


def conditional(data: Dataset, probe: TrainedModel) -> None:
    """Print for each digit the share of samples asked for that the probe judges to be it."""
    gan = fit(GAN, GANConfig(condition="label"), data, 1, duration="10 epochs", ema=0.999)
    shares = []
    for digit in range(10):
        x = sample_rows(gan, 100, Noise(5).stream("sample"), where={"label": digit})
        shares.append(float((classify_rows(probe, x)["label"].argmax(1) == digit).float().mean()))
        print(f"  {digit}: {shares[-1]:.2f}")
    print(f"  mean: {np.mean(shares):.3f}")


def few(data: Dataset, probe: TrainedModel) -> None:
    """Print precision, recall, density and coverage for each policy and seed."""
    small = some(data, FEW)
    registry = get_registry()
    measure = registry.load(registry.find("measure", "precision_recall"), "target")
    for policy in POLICIES:
        for seed in (1, 2):
            print(f"augment {policy}, seed {seed}")
            config = GANConfig.model_validate({"width": 16, "augment": policy})
            gan = fit(GAN, config, small, seed, duration="1200 steps", every="300 steps", ema=0.999)
            found = measure(Subject(gan, small, Noise(0), 10_000, None, probe))
            print("  " + ", ".join(f"{one.name} {one.value:.3f}" for one in found), flush=True)


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=("conditional", "few"))
    wanted = parser.parse_args().what
    data = digits()
    probe = fit(Probe, ProbeConfig(), data, 1, duration="4 epochs", batch=128)
    judged = classify_rows(probe, data, data.held_out)["label"].argmax(1).numpy()
    right = (judged == data.columns["label"].values[data.held_out]).mean()
    print(f"  the probe is right for {right:.3f} of the held-out digits", flush=True)
    (conditional if wanted == "conditional" else few)(data, probe)


if __name__ == "__main__":
    main()
