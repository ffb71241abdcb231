"""How many bits a model needs for a step of held-out music, all voices together, beside a Markov chain of each."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gdl_core.latent.tiles import device_of, inference
from gdl_core.measures.subject import Measurement, Subject
from gdl_core.noise import Noise
from gdl_music.grid import Grid
from gdl_music.markov import Markov


def measure(subject: Subject) -> list[Measurement]:
    """Return bits a step; of a model of latent points they are a bound."""
    grid = subject.dataset.form
    assert isinstance(grid, Grid)
    data = subject.dataset
    held_out, train = (data.tensor(rows).numpy().astype(np.int64) for rows in (subject.held_out, subject.train))
    steps = held_out.shape[0] * held_out.shape[2]
    noise = subject.noise.stream("surprise")
    order = noise.stream("train").permutation(len(subject.train)).numpy()[: len(held_out)]
    some = subject.train[np.sort(order)]
    value, again = (-_nats(subject, rows, noise) / math.log(2) for rows in (subject.held_out, some))
    voices = held_out.shape[1]
    baselines = {
        "Markov chain": Markov(train, grid.size).bits(held_out) / steps,
        "all codes alike": voices * math.log2(grid.size),
        "training samples": again / (len(order) * held_out.shape[2]),
    }
    note = f"{voices} voices together" if voices > 1 else ""
    return [Measurement("bits a step", value / steps, "bits", "lower", baselines, len(held_out), note)]


def _nats(subject: Subject, rows: NDArray[np.int64], noise: Noise) -> float:
    """Return log p of samples, all together."""
    model, tile, total = subject.trained.model, subject.trained.tile, 0.0
    with inference(model):
        for first in range(0, len(rows), tile):
            x = subject.dataset.tensor(rows[first : first + tile]).to(device_of(model))
            total += float(model.log_prob(x, noise.at(first)).double().sum())
    return total
