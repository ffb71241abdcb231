"""How many bits a model needs for a step of held-out music, all voices together, beside a Markov chain of each."""

from __future__ import annotations

import math

import numpy as np

from gdl_core.latent.tiles import score_rows
from gdl_core.measures.subject import Measurement, Subject
from gdl_music.grid import Grid
from gdl_music.markov import Markov


def measure(subject: Subject) -> list[Measurement]:
    """Return bits a step; of a model of latent points they are a bound."""
    grid = subject.dataset.form
    assert isinstance(grid, Grid)
    data = subject.dataset
    held_out, train = (data.tensor(rows).numpy().astype(np.int64) for rows in (subject.held_out, data.train))
    steps = held_out.shape[0] * held_out.shape[2]
    noise = subject.noise.stream("surprise")
    order = noise.stream("train").permutation(len(subject.train)).numpy()[: len(held_out)]
    some = subject.train[np.sort(order)]
    value, again = (
        -float(score_rows(subject.trained, data, noise, rows).sum()) / math.log(2) for rows in (subject.held_out, some)
    )
    voices = held_out.shape[1]
    baselines = {
        "Markov chain": Markov(train, grid.size).bits(held_out) / steps,
        "all codes alike": voices * math.log2(grid.size),
        "training samples": again / (len(order) * held_out.shape[2]),
    }
    note = f"{voices} voices together" if voices > 1 else ""
    return [Measurement("bits a step", value / steps, "bits", "lower", baselines, len(held_out), note)]
