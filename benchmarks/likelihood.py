"""Our VAE against pythae's on binarised digits: log p(x) of held-out samples by importance-weighted bounds, k = 5,000.

    pip install pythae==0.1.2
    python benchmarks/likelihood.py > benchmarks/results/likelihood-digits.txt
    python benchmarks/likelihood.py --mnist FOLDER --samples 1000       # the 60,000 of MNIST, from IDX files

Both have the same network (784–200–200–50 with tanh, and back: Burda et al. 2016, §5), the same first weights, batches
of 100 and Adam with the same settings; what differs is the order of the samples, the noise, and all the code. Each of
several seeds trains both, and judges them on a part of its own of the held-out samples, statically binarised like the
training samples, with one estimator and the same draws. So each seed is a pair of trainings with one difference, and in
it is chance of both kinds, of training and of the samples; the paired standard error is that of these differences. That
of the samples alone, as if there were but one way for a training to end, is told beside it and is smaller. Pythae's own
estimator, run on a few samples, checks ours.

Exit status: 1 if the two differ by more than twice the paired standard error; 2 if pythae is not installed.
"""

from __future__ import annotations

import argparse
import copy
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pythae_peer import pythae_vae
from surroundings import Surroundings
from torch import Tensor, nn

from gdl_core.data.dataset import Dataset
from gdl_core.latent.tiles import measure_tile
from gdl_core.measures.likelihood import DRAWS, importance_bounds
from gdl_core.measures.observed import Observed, binarised, independent_scores
from gdl_core.noise import Noise
from gdl_core.training.build import build_model
from gdl_core.training.config import TrainingConfig
from gdl_core.training.loop import train
from gdl_core.values import TrainedModel
from gdl_data import digits, mnist
from gdl_data.config import DigitsConfig, MnistConfig
from gdl_vae.config import VAEConfig
from gdl_vae.vae import VAE

SHAPE, LATENT, HIDDEN, BATCH, LR = (1, 28, 28), 50, 200, 100, 1e-3
CHECKED = 10
"""Samples that pythae's own estimator is run on."""


def zeros_and_ones(folder: Path | None) -> Dataset:
    """Return the digits, or MNIST from a folder, statically binarised: the same for everybody."""
    surroundings = Surroundings(Noise(0))
    if folder is None:
        grey = digits.build(DigitsConfig(), surroundings)
    else:
        grey = mnist.build(MnistConfig.model_validate({"path": folder}, context={"base": Path()}), surroundings)
    x = binarised(grey, np.arange(len(grey))).numpy().astype(np.uint8) * 255
    return Dataset(f"{grey.name}, binarised", x, {}, grey.held_out, "binarised")


def make_vae(seed: int) -> VAE:
    """Return a VAE with the network that both have."""
    settings = {"latent": LATENT, "network": "mlp", "activation": "tanh", "lr": LR, "decay": "none"}
    model = build_model(VAE, VAEConfig.model_validate(settings), SHAPE, Noise(seed))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sizes = (784, HIDDEN, HIDDEN, 2 * LATENT)
        model.encoder = nn.Sequential(nn.Flatten(), *_dense(sizes))
        model.decoder = nn.Sequential(*_dense((LATENT, HIDDEN, HIDDEN, 784)), nn.Unflatten(1, SHAPE))
    return model


def _dense(sizes: tuple[int, ...]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.Tanh()]
    return layers[:-1]


def train_ours(model: VAE, data: Dataset, epochs: int, seed: int) -> VAE:
    """Train a VAE by our loop, in float32."""
    config = TrainingConfig.model_validate(
        {"duration": f"{epochs} epochs", "batch": BATCH, "precision": "fp32", "device": "cpu", "collapse": "warn"}
    )
    with tempfile.TemporaryDirectory() as folder:
        train(model, data, config, Path(folder), Noise(seed))
    return model.eval()


def train_pythae(first: VAE, data: Dataset, epochs: int, seed: int) -> tuple[VAE, Any]:
    """Train pythae's VAE by its trainer from the same first weights; return it as a VAE of ours, and itself."""
    from pythae.data.datasets import BaseDataset
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    ours = copy.deepcopy(first)
    theirs = pythae_vae(ours.encoder, ours.decoder, LATENT, SHAPE)
    x = data.tensor(data.train)
    with tempfile.TemporaryDirectory() as folder:
        settings = BaseTrainerConfig(
            output_dir=folder, per_device_train_batch_size=BATCH, learning_rate=LR, no_cuda=True, num_epochs=epochs,
            optimizer_cls="Adam", seed=seed,
        )  # fmt: skip
        with _silence():
            BaseTrainer(theirs, BaseDataset(x, torch.zeros(len(x))), training_config=settings).train()
    return ours.eval(), theirs.eval()


@contextmanager
def _silence() -> Iterator[None]:
    """Keep progress bars to themselves."""
    with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
        yield


def bounds(model: VAE, x: Tensor, start: int) -> Tensor:
    """Return the bounds of samples for each k, float64 (n, ks)."""
    trained = TrainedModel(model, "vae", "1", {}, SHAPE, measure_tile(model), "")
    return importance_bounds(trained, x, Noise(0).stream("bounds"), start=start).values


def main(arguments: list[str] | None = None) -> int:
    """Print both bounds, for each seed and in all, and their paired difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", type=Path, help="folder with the IDX files of MNIST, instead of the digits")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=8, help="pairs of trainings, 2 or more")
    parser.add_argument("--samples", type=int, default=1000, help="held-out samples, shared out among the seeds")
    options = parser.parse_args(arguments)
    try:
        import pythae  # noqa: F401
    except ImportError as error:
        print(f"pythae is not installed ({error}); try: pip install pythae==0.1.2", file=sys.stderr)
        return 2
    if options.seeds < 2:
        parser.error("--seeds: two pairs of trainings at least, or there is no error to tell")
    torch.set_num_threads(1)
    data = zeros_and_ones(options.mnist)
    held_out = data.held_out[: options.samples]
    print(f"{data.name}: {len(data.train)} for training, {len(held_out)} held-out samples judged")
    settings = f"{options.epochs} epochs, batch {BATCH}, Adam {LR:g}"
    print(f"784-{HIDDEN}-{HIDDEN}-{LATENT} tanh, {settings}; torch {torch.__version__}")
    print("nats a sample, k = " + ", ".join(map(str, DRAWS)), flush=True)
    found: dict[str, list[Tensor]] = {"gdl": [], "pythae": []}
    for seed in range(options.seeds):
        mine = held_out[seed :: options.seeds]
        x, first = data.tensor(mine), make_vae(seed)
        began = time.process_time()
        theirs, whole = train_pythae(first, data, options.epochs, seed)
        middle = time.process_time()
        ours = train_ours(first, data, options.epochs, seed)
        times = {"gdl": time.process_time() - middle, "pythae": middle - began}
        for name, model in (("gdl", ours), ("pythae", theirs)):
            found[name].append(bounds(model, x, 10_000 * seed))
            told = "  ".join(f"{value:9.3f}" for value in found[name][-1].mean(0).tolist())
            print(f"seed {seed}  {name:6}  {told}   trained in {times[name]:.0f} CPU s", flush=True)
        if seed == 0:
            torch.manual_seed(0)
            with _silence():
                own = whole.get_nll(x[:CHECKED], n_samples=DRAWS[-1], batch_size=500)
            ready = float(found["pythae"][-1][:CHECKED, -1].mean())
            print(
                f"{CHECKED} samples: pythae's own estimator {own:.3f}, ours of the same model {ready:.3f}", flush=True
            )
    ours_all, theirs_all = (torch.cat(found[name])[:, -1] for name in ("gdl", "pythae"))
    n = len(ours_all)
    for name, values in (("gdl", ours_all), ("pythae", theirs_all)):
        print(f"{name:6}  {float(values.mean()):.3f} ± {float(values.std() / n**0.5):.3f} (one standard error)")
    alone = independent_scores(data, data.train, Observed("binary", data.tensor(held_out), False))
    print(f"each value by itself  {float(alone.mean()):.3f}; even noise  {-784 * np.log(2):.3f}")
    seeds = torch.stack([(a - b)[:, -1].mean() for a, b in zip(found["gdl"], found["pythae"], strict=True)])
    difference, error = float(seeds.mean()), float(seeds.std() / len(seeds) ** 0.5)
    print(f"gdl − pythae of the {len(seeds)} pairs  {', '.join(f'{value:.3f}' for value in seeds.tolist())}")
    of_samples = float((ours_all - theirs_all).std() / n**0.5)
    print(f"mean {difference:.3f}, paired standard error {error:.3f}; of samples alone {of_samples:.3f}")
    alike = abs(difference) <= 2 * error
    print("alike within two paired standard errors" if alike else "they differ by more than two paired standard errors")
    return 0 if alike else 1


if __name__ == "__main__":
    sys.exit(main())
