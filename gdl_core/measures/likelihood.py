"""How probable a model holds held-out samples: the importance-weighted bound of log p(x), in nats.

For a model with latent points log p(x) ≥ E log (1/k) Σⱼ wⱼ with wⱼ = p(x | zⱼ) p(zⱼ) / q(zⱼ | x), the zⱼ drawn from the
encoder's posterior (Burda et al. 2016, eq. 8). It rises with k towards log p(x); k = 1 is the evidence lower bound.
Each is estimated from the same 5,000 draws of a sample, split into groups of k, so that the rise is exact. The
effective sample size (Σ w)² / Σ w² (Kong et al. 1994) says how many draws the last one is made of: where they are
few, it is far from log p(x). A model that scores in another way is told by its own `log_prob`.

The bound of a Bernoulli likelihood is of binarised pictures (`gdl_core.measures.observed`). That of grey levels as they
are stands apart and is called relaxed: no probability of grey levels, but at most the mean log-probability over all
ways to binarise them. Baselines: each value by itself (Bernoulli or Gaussian, fitted to training samples), even noise,
and the same number for training samples, whose lead over held-out ones is what was learned by heart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gdl_core.contracts import Model, Posterior
from gdl_core.latent.tiles import device_of, encode_rows, inference
from gdl_core.measures.observed import Observed, independent_scores, observe
from gdl_core.measures.subject import Measurement, Subject
from gdl_core.noise import Noise
from gdl_core.values import TrainedModel

DRAWS = (1, 50, 500, 5000)
RELAXED = DRAWS[:3]
BLOCK = 500
"""Draws of one sample that are held at a time."""
FEWEST, MOST = 16, 128
"""Samples of each side; between the two a quarter of the model's tile, so that large decoders take no hours."""


class Bounds(NamedTuple):
    """Of each sample the bounds for rising k, float64 (n, ks) in nats, and the effective sample size of the last."""

    values: Tensor
    effective: Tensor


def importance_bounds(
    trained: TrainedModel,
    x: Tensor,
    noise: Noise,
    draws: Sequence[int] = DRAWS,
    start: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Bounds:
    """Return the importance-weighted bounds of log p(x) (Burda et al. 2016, eq. 8) of samples (n, *data shape).

    Row i is computed as row `start + i` of the noise and alone, so that it does not depend on its company.

    Args:
        trained: a model that encodes to a variance and has a `log_likelihood`.
        x: the samples.
        noise: the draws; the same for every sample's row.
        draws: rising numbers of draws k, each of which divides the next.
        start: the row of the first sample.
        progress: called after each sample.

    Raises:
        RoleError: the model does not do this.
        ValueError: a number of draws does not divide the next.
    """
    if any(more % less for less, more in pairwise(draws)):
        raise ValueError(f"each number of draws must divide the next, got {tuple(draws)}")
    posterior = encode_rows(trained, x, start=start)
    values = torch.empty(len(x), len(draws), dtype=torch.float64)
    effective = torch.empty(len(x), dtype=torch.float64)
    with inference(trained.model):
        for i in range(len(x)):
            spread = None if posterior.log_var is None else posterior.log_var[i : i + 1]
            q = Posterior(posterior.mean[i : i + 1], spread)
            weights = _log_weights(trained, x[i], q, noise, start + i, draws[-1])
            for place, k in enumerate(draws):
                groups = weights.reshape(-1, k)
                values[i, place] = (groups.logsumexp(1) - math.log(k)).mean()
            effective[i] = (2 * weights.logsumexp(0) - (2 * weights).logsumexp(0)).exp()
            if progress is not None:
                progress(i + 1, len(x))
    return Bounds(values, effective)


def _log_weights(trained: TrainedModel, x: Tensor, q: Posterior, noise: Noise, row: int, k: int) -> Tensor:
    """Return log w of k draws for one sample (*data shape) from its posterior (1, *latent shape), float64 (k,)."""
    model, device = trained.model, device_of(trained.model)
    found = []
    for block, first in enumerate(range(0, k, BLOCK)):
        shape = (min(BLOCK, k - first), *q.mean.shape[1:])
        z = q.mean
        if q.log_var is not None:
            z = z + torch.exp(0.5 * q.log_var) * noise.stream("draws", block).at(row).normal(1, shape)[0]
        joint = [
            model.log_likelihood(x.expand(len(piece), *x.shape).to(device), piece).double() + model.log_prior(piece)
            for piece in torch.split(z.to(device), trained.tile)
        ]
        found.append(torch.cat(joint).cpu() - q.log_prob(z))
    return torch.cat(found)


def measure(subject: Subject) -> list[Measurement]:
    """Return the bounds, bits per dimension and effective samples; nothing for a posterior without variance."""
    model = subject.trained.model
    latent = type(model).log_likelihood is not Model.log_likelihood and "encodes" in model.roles()
    if latent and subject.held_out_posterior.log_var is None:
        return []
    held_out, train = (_some(subject, rows) for rows in (subject.held_out, subject.train))
    real, known = observe(model, subject.dataset, held_out), observe(model, subject.dataset, train)
    independent = independent_scores(subject.dataset, subject.train, real)
    told = _Told(subject, real, independent, f"{len(held_out)} held-out samples at random, {real.words}")
    if not latent:
        own, learned = (_own(subject, seen.x) for seen in (real, known))
        return told.rows("log-likelihood, as the model scores it", own, learned)
    noise = subject.noise.stream("likelihood")
    bounds, learned_bounds = (importance_bounds(subject.trained, seen.x, noise) for seen in (real, known))
    found: list[Measurement] = []
    for place, k in enumerate(DRAWS):
        rows = told.rows(f"log-likelihood bound, k = {k}", bounds.values[:, place], learned_bounds.values[:, place])
        found += rows if k == DRAWS[-1] else rows[:1]
    if real.way == "binary" and real.changed:
        x = subject.dataset.tensor(held_out)
        relaxed = importance_bounds(subject.trained, x, noise, RELAXED).values[:, -1]
        found.append(told.relaxed(relaxed, x))
    few, middle, many = bounds.effective.quantile(torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)).tolist()
    found.append(
        Measurement("effective samples of the bound", middle, f"of {DRAWS[-1]}", "higher",
                    {"one draw": 1.0, "all draws alike": float(DRAWS[-1])}, len(held_out),
                    f"median of {told.note}; quartiles {few:.1f} to {many:.1f}")
    )  # fmt: skip
    return found


class _Told(NamedTuple):
    """What the numbers of one subject have in common."""

    subject: Subject
    real: Observed
    independent: Tensor
    note: str

    def rows(self, name: str, scores: Tensor, learned: Tensor) -> list[Measurement]:
        """Return the mean of scores (n,) in nats with its baselines, and for pictures the same in bits."""
        nats = {"each value by itself": float(self.independent.mean()), "training samples": float(learned.mean())}
        size = self.real.x[0].numel()
        if self.real.way != "as they are":
            nats["even noise"] = -size * math.log(2) if self.real.way == "binary" else 0.0
        value, error = float(scores.mean()), float(scores.std() / len(scores) ** 0.5)
        note = f"{self.note}; ± {1.96 * error:.2f} (95 %)"
        found = [Measurement(name, value, "nats per sample", "higher", nats, len(scores), note)]
        if self.subject.dataset.is_pictures:
            to_bits = self.real.bits_per_dimension
            bits, note = {baseline: to_bits(one) for baseline, one in nats.items()}, f"{self.note}; of {size} values"
            found.append(
                Measurement(f"{name}, in bits", to_bits(value), "bits per dimension", "lower", bits, len(scores), note)
            )
        return found

    def relaxed(self, scores: Tensor, x: Tensor) -> Measurement:
        """Return the mean score of grey levels as they are."""
        independent = independent_scores(self.subject.dataset, self.subject.train, replace(self.real, x=x))
        baselines = {"each value by itself": float(independent.mean()), "even noise": -x[0].numel() * math.log(2)}
        error = float(scores.std() / len(scores) ** 0.5)
        note = (
            f"{len(x)} held-out samples at random, grey as they are: no probability of grey levels, but at most "
            f"the mean log-probability of their binarisations; ± {1.96 * error:.2f} (95 %)"
        )
        name = f"relaxed bound, k = {RELAXED[-1]}"
        return Measurement(name, float(scores.mean()), "nats per sample", "higher", baselines, len(x), note)


def _some(subject: Subject, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    n = max(FEWEST, min(MOST, subject.trained.tile // 4))
    order = subject.noise.stream("likelihood", "subset").permutation(len(rows)).numpy()
    return np.sort(rows[order[:n]])


def _own(subject: Subject, x: Tensor) -> Tensor:
    """Return what the model's `log_prob` says of samples, float64 (n,), computed in tiles."""
    model, tile = subject.trained.model, subject.trained.tile
    noise, found = subject.noise.stream("likelihood", "own"), []
    with inference(model):
        for first in range(0, len(x), tile):
            rows = x[first : first + tile]
            padded = torch.cat([rows, rows.new_zeros(tile - len(rows), *rows.shape[1:])])
            found.append(model.log_prob(padded.to(device_of(model)), noise.at(first))[: len(rows)].double().cpu())
    return torch.cat(found)
