"""Inversion: the points of a latent space that a model without an encoder decodes to given pictures.

Gradient descent on the point itself, from several starts (Abdal et al. 2019; Karras et al. 2020, appendix D). Each
picture is a pass of its own whose rows are its starts, and all have the same starts to choose from, so that a picture's
point does not depend on the pictures beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from gdl_core.errors import DataError
from gdl_core.latent.space_settings import SpaceSettings
from gdl_core.latent.spaces import StyleSpace
from gdl_core.latent.tiles import Progress, decode_rows, device_of, feature_rows, inference, prior_rows, spans
from gdl_core.noise import Noise
from gdl_core.values import TrainedModel

_RAMP_UP, _RAMP_DOWN = 0.05, 0.25
_JITTER, _JITTER_SHARE = 0.05, 0.75
_TOLD_EVERY = 10


@dataclass(frozen=True)
class Search:
    """How points are looked for.

    Attributes:
        steps: of Adam (Kingma & Ba 2015).
        rate: its greatest learning rate, in units of the spread of what the prior draws.
        start: from the draws whose pictures are nearest, or from the middle of the space.
        draws: points of the prior, to start from and to compare with.
        tries: starts of each picture; the best end is kept.
        loss: squared or absolute differences of pixels, in units of the variance of the draws' pictures.
        feature_weight: of the squared difference in a probe's features, in the same unit, beside the pixels.
        prior_weight: of −log p(z) per dimension, N(0, I) up to a constant; W and W+ have no density, so none.
    """

    steps: int = 300
    rate: float = 0.1
    start: Literal["nearest", "mean"] = "nearest"
    draws: int = 256
    tries: int = 4
    loss: Literal["squared", "absolute"] = "squared"
    feature_weight: float = 1.0
    prior_weight: float = 0.01


@dataclass(frozen=True)
class Inverted:
    """Points (n, *latent shape), and root-mean-square errors in [0, 1], (n,): of the point, of the nearest draw, and
    of the mean picture of all draws.
    """

    points: Tensor
    error: Tensor
    nearest: Tensor
    mean: Tensor


def invert_rows(
    trained: TrainedModel,
    x: Tensor,
    noise: Noise,
    search: Search,
    probe: TrainedModel | None = None,
    progress: Progress | None = None,
) -> Inverted:
    """Return the latent points whose samples are nearest to given ones, float32 on the CPU.

    In W and W+ truncation plays no part: all styles are searched. There noise that dies away is added to the styles on
    the way (Karras et al. 2020, appendix D).

    Args:
        trained: a model that samples and decodes.
        x: samples, (n, *data shape), pictures in [0, 1].
        noise: of the starts and of what is added.
        search: how.
        probe: a model that classifies, in whose features samples are compared too.
        progress: called as progress(steps done, steps wanted) over all pictures; it may raise CancelledError.

    Raises:
        DataError: there is no sample, one is not of the model's shape or not finite, or a search ended in numbers
            that are not.
    """
    if tuple(x.shape[1:]) != tuple(trained.data_shape):
        raise DataError(f"samples of shape {tuple(x.shape[1:])} given to a model of {tuple(trained.data_shape)}")
    if len(x) == 0:
        raise DataError("there is no sample to invert; give at least one")
    if not torch.isfinite(x).all():
        raise DataError("a sample to invert holds a number that is not finite; mend the data")
    if isinstance(trained.model, StyleSpace):
        whole = SpaceSettings(which=trained.model.settings.which)
        trained = replace(trained, model=StyleSpace(trained.model.inner, whole))
    draws = _Draws.of(trained, x, noise.stream("starts"), search.draws, probe)
    searcher = _Searcher(trained, draws, search, noise.stream("jitter"), probe)
    total = len(x) * search.steps
    found: list[tuple[Tensor, Tensor]] = []
    for index, sample in enumerate(x):

        def tell(done: int, before: int = index * search.steps) -> None:
            if progress is not None:
                progress(before + done, total)

        found.append(searcher.find(sample, draws.distances[index], tell))
        if not torch.isfinite(found[-1][1]):
            raise DataError(f"the search for sample {index + 1} ended in numbers that are not finite; lower the rate")
    return Inverted(
        points=torch.stack([point for point, _ in found]),
        error=torch.stack([error for _, error in found]),
        nearest=draws.distances.amin(dim=1).sqrt().float(),
        mean=(x.double() - draws.mean).square().flatten(1).mean(dim=1).sqrt().float(),
    )


@dataclass(frozen=True)
class _Draws:
    """Points of the prior and what is known of their samples.

    Attributes:
        points: (draws, *latent shape).
        distances: mean square distance of each sample to each draw's, (n, draws) float64.
        mean: of the draws' samples, (*data shape) float64.
        variance: mean over their numbers.
        feature_variance: the same in the probe's features.
        spread: root-mean-square deviation of a number of a point that is searched for.
        free: which numbers of a point are searched for, 1 or 0, (*latent shape); a category is not.
    """

    points: Tensor
    distances: Tensor
    mean: Tensor
    variance: float
    feature_variance: float
    spread: float
    free: Tensor

    @classmethod
    def of(cls, trained: TrainedModel, x: Tensor, noise: Noise, n: int, probe: TrainedModel | None) -> _Draws:
        points = prior_rows(trained, n, noise)
        distances, features = [], []
        total, squares = torch.zeros(trained.data_shape).double(), torch.zeros(trained.data_shape).double()
        for first, count in spans(n, 0, trained.tile):  # samples may be too large to be kept all at once
            made = decode_rows(trained, points[first : first + count], start=first)
            distances.append(torch.stack([(made - one).square().flatten(1).double().mean(dim=1) for one in x]))
            total += made.double().sum(dim=0)
            squares += made.double().square().sum(dim=0)
            if probe is not None:
                features.append(feature_rows(probe, made).double())
        mean = total / n
        variance = float((squares / n - mean.square()).clamp_min(0).mean())
        of_features = float(torch.cat(features).var(dim=0, correction=0).mean()) if features else 1.0
        free = _free(trained)
        away = (points.double() - points.double().mean(dim=0)).square() * free
        spread = float((away.mean(dim=0).sum() / free.sum().clamp_min(1)).sqrt())
        return cls(points, torch.cat(distances, dim=1), mean, variance or 1.0, of_features or 1.0, spread or 1.0, free)


@dataclass(frozen=True)
class _Searcher:
    trained: TrainedModel
    draws: _Draws
    search: Search
    noise: Noise
    probe: TrainedModel | None

    def find(self, sample: Tensor, distances: Tensor, tell: Callable[[int], None]) -> tuple[Tensor, Tensor]:
        """Return the point of one sample and its root-mean-square error, not finite where no try ended in numbers."""
        model, search, device = self.trained.model, self.search, device_of(self.trained.model)
        wanted, starts = sample[None].to(device), self._starts(distances).to(device)
        reach = self.draws.spread * self.draws.free.to(device)
        with _frozen(model, *([self.probe.model] if self.probe else [])):
            features = self.probe.model.features(wanted).float() if self.probe else None
            moved = torch.zeros_like(starts, requires_grad=True)
            adam = torch.optim.Adam([moved], lr=search.rate)
            for step in range(search.steps):
                adam.param_groups[0]["lr"] = search.rate * _ramp(step / search.steps)
                with torch.enable_grad():
                    points = starts + reach * moved
                    loss, _ = self._loss(points, self._jitter(step, points), wanted, features)
                    (moved.grad,) = torch.autograd.grad(loss.sum(), moved)
                adam.step()
                if (step + 1) % _TOLD_EVERY == 0 or step + 1 == search.steps:
                    tell(step + 1)
            points = starts + reach * moved.detach()
            loss, error = self._loss(points, 0.0, wanted, features)
        best = int(loss.nan_to_num(nan=math.inf).argmin())
        return points[best].float().cpu(), error[best].float().cpu()

    def _starts(self, distances: Tensor) -> Tensor:
        model = self.trained.model
        nearest = self.draws.points[distances.argsort(stable=True)[: self.search.tries]]
        if self.search.start == "nearest":
            return nearest
        if isinstance(model, StyleSpace):
            return model.middle().detach()[None].clone()
        middles: Tensor = torch.unique(nearest * (1 - self.draws.free), dim=0)
        return middles  # of every try's category, each once

    def _jitter(self, step: int, points: Tensor) -> Tensor | float:
        """Return the noise that is added to styles, alike for every sample."""
        if not isinstance(self.trained.model, StyleSpace):
            return 0.0
        left = max(0.0, 1.0 - step / (_JITTER_SHARE * self.search.steps))
        drawn = self.noise.stream(step).normal(len(points), tuple(points.shape[1:]), device=points.device)
        return drawn * (_JITTER * self.draws.spread * left**2)

    def _loss(
        self, points: Tensor, jitter: Tensor | float, wanted: Tensor, features: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return what is minimised of each row, and its root-mean-square error."""
        search, draws = self.search, self.draws
        made = self.trained.model.decode(points + jitter).float()
        off = (made - wanted).flatten(1)
        squared = off.square().mean(dim=1)
        loss = squared / draws.variance if search.loss == "squared" else off.abs().mean(dim=1) / draws.variance**0.5
        if features is not None:
            assert self.probe is not None
            apart = (self.probe.model.features(made).float() - features).flatten(1).square().mean(dim=1)
            loss = loss + search.feature_weight * apart / draws.feature_variance
        if search.prior_weight and not isinstance(self.trained.model, StyleSpace):
            free = draws.free.to(points.device)
            squares = (points.square() * free).flatten(1).sum(dim=1) / free.sum().clamp_min(1)
            loss = loss + search.prior_weight * 0.5 * squares
        return loss, squared.detach().sqrt()


def _free(trained: TrainedModel) -> Tensor:
    """Return which numbers of a point may move, (*latent shape): those that have a middle to be drawn towards."""
    ones = torch.ones(1, *trained.model.latent_shape)
    if isinstance(trained.model, StyleSpace):
        return ones[0]
    return (trained.model.scaled(ones, 0.0) == 0).to(torch.float32)[0]


def _ramp(time: float) -> float:
    """Return the share of the learning rate at a time in [0, 1): up along a line, down along half a cosine."""
    down = min(1.0, (1.0 - time) / _RAMP_DOWN)
    return min(1.0, (time + 1e-3) / _RAMP_UP) * (0.5 - 0.5 * math.cos(math.pi * down))


@contextmanager
def _frozen(*models: nn.Module) -> Iterator[None]:
    """Put models in evaluation mode, and ask for no gradients of their weights; afterwards all is as it was."""
    weights = [weight for model in models for weight in model.parameters() if weight.requires_grad]
    for weight in weights:
        weight.requires_grad_(False)
    try:
        with ExitStack() as stack:
            for model in models:
                stack.enter_context(inference(model))
            yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)
