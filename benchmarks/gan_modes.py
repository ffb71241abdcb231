"""GANs on mixtures of Gaussians whose modes are known: how many each loss finds, and how many samples lie near one.

    python benchmarks/gan_modes.py --shapes ring > benchmarks/results/gan-modes-ring.txt
    python benchmarks/gan_modes.py --shapes grid > benchmarks/results/gan-modes-grid.txt

A mode counts as found if at least a fifth of its share of the samples lies within three standard deviations of it; a
sample is of high quality if it lies within three of any mode. Beside the losses stand real points and a uniform box.
WGAN-GP's weight is the one that Gulrajani et al. took for such data; WGAN's bound was chosen here: with 0.01, which is
the paper's, fewer samples come near a mode.

Exit status: 1 if no loss finds every mode of the ring, and all but one of the grid, for every seed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from surroundings import Surroundings

from gdl_core.noise import Noise
from gdl_core.training.build import build_model
from gdl_core.training.config import TrainingConfig
from gdl_core.training.loop import train
from gdl_data.config import PointsConfig
from gdl_data.density import Mixture, get_density
from gdl_data.points import build
from gdl_gan.config import GANConfig
from gdl_gan.gan import GAN

SAMPLES = 10_000
FEWEST = {"ring": 8, "grid": 24}
LOSSES: dict[str, dict[str, Any]] = {
    "bce": {"loss": "bce"},
    "bce without R1": {"loss": "bce", "gamma": 0},
    "hinge": {"loss": "hinge"},
    "relativistic": {"loss": "relativistic"},
    "wgan, clip 0.1": {"loss": "wgan", "clip": 0.1},
    "wgan-gp, gamma 0.1": {"loss": "wgan-gp", "gamma": 0.1},
}


def score(mixture: Mixture, points: np.ndarray) -> tuple[int, float]:
    """Return how many modes were found, and the share of samples of high quality."""
    away = np.linalg.norm(points[:, None] - mixture.centres, axis=-1)  # (samples, modes)
    nearest, near = away.argmin(axis=1), away.min(axis=1) <= 3 * mixture.deviation
    counts = np.bincount(nearest[near], minlength=len(mixture.centres))
    return int((counts >= 0.2 * len(points) / len(mixture.centres)).sum()), float(near.mean())


def run(shape: str, settings: dict[str, Any], seed: int, steps: int) -> tuple[int, float, float]:
    """Train one GAN; return modes, share, and CPU seconds."""
    data = build(PointsConfig(shape=shape, n=20_000), Surroundings(Noise(0)))
    config = GANConfig.model_validate({"latent": 2, "network": "mlp", **settings})
    model = build_model(GAN, config, (2,), Noise(seed))
    training = TrainingConfig.model_validate(
        {"duration": f"{steps} steps", "batch": 256, "precision": "fp32", "ema": 0.995, "every": f"{steps} steps"}
    )
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        train(model, data, training, Path(folder), Noise(seed))
    seconds = time.process_time() - began
    with torch.no_grad():
        made = model.sample(SAMPLES, Noise(seed).stream("sample")).numpy()
    mixture = get_density(shape)
    assert isinstance(mixture, Mixture)
    return *score(mixture, made), seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--losses", nargs="+", choices=LOSSES, default=list(LOSSES))
    parser.add_argument("--shapes", nargs="+", choices=FEWEST, default=list(FEWEST))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    all_met = True
    about = f"batch 256, seeds 1 to {arguments.seeds}, {SAMPLES:,} samples, torch {torch.__version__}"
    print(f"{arguments.steps} rounds, {about}")
    for shape in arguments.shapes:
        mixture = get_density(shape)
        assert isinstance(mixture, Mixture)
        total = len(mixture.centres)
        print(f"\n{shape}, {total} modes            modes of each seed      high quality, mean (least)   CPU s")
        real = build(PointsConfig(shape=shape, n=SAMPLES, held_out=0), Surroundings(Noise(99))).data
        box = np.random.default_rng(0).uniform(real.min(0), real.max(0), (SAMPLES, 2))
        for name, points in (("real points", real), ("uniform box", box)):
            modes, share = score(mixture, points)
            print(f"{name:20} {modes:4}                   {share:6.1%}")
        met = False
        for name in arguments.losses:
            found = [run(shape, LOSSES[name], seed, arguments.steps) for seed in range(1, arguments.seeds + 1)]
            modes, shares, seconds = zip(*found, strict=True)
            met |= min(modes) >= FEWEST[shape]
            told = " ".join(f"{mode:3}" for mode in modes)
            print(
                f"{name:20} {told:22} {statistics.mean(shares):6.1%} ({min(shares):.1%})"
                f"             {statistics.mean(seconds):6.0f}",
                flush=True,
            )
        all_met &= met
    return 0 if all_met else 1


if __name__ == "__main__":
    sys.exit(main())
