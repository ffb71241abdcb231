"""The other loop: ask for a population, evaluate all of it at once, tell what each was worth (CMA-ES, by pycma).

What a search has come to is a function of its seed and of the fitness of all candidates so far. So these numbers are
the whole checkpoint: a search that was broken off asks and tells again, without evaluating, and goes on where it was.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from gdl_core.config import Settings
from gdl_core.errors import CancelledError, CheckpointError, GdlError, MissingExtraError, StorageError, TrainingError
from gdl_core.noise import Noise
from gdl_core.training import checkpoint
from gdl_core.training.distributed import Ranks, of_first, shared
from gdl_core.values import Table

Floats = NDArray[np.float64]


class EvolutionConfig(Settings):
    """How to search."""

    generations: int = Field(60, ge=1, le=1_000_000, description="how often a population is asked for")
    population: int = Field(64, ge=4, le=65536, description="candidates of a generation")
    sigma: float = Field(0.1, gt=0, le=100, description="step size that the search begins with")
    covariance: Literal["full", "diagonal"] = Field(
        "diagonal", description="what is learned of how parameters go together; full costs the square of their number"
    )
    weight_decay: float = Field(
        0.01, ge=0, le=1000, description="mean square of a candidate's parameters times this is taken off its fitness"
    )
    watch_every: int = Field(10, ge=1, description="generations from one look at the mean to the next")
    patience: int = Field(0, ge=0, description="looks without a better one after which it ends; 0: to the end")
    keep_seconds: float = Field(20.0, ge=0, description="seconds between checkpoints; 0: after each generation")


@dataclass(frozen=True)
class Evolved:
    """What a search came to.

    Attributes:
        mean: of the last distribution; of the best of those that were looked at, where they were.
        generation: whose mean that is, counted from 1.
        history: the curve.
        generations: how many there were.
        seconds: what they took.
        resumed_from: the generation that it went on from, if it did.
    """

    mean: Floats
    generation: int
    history: Table
    generations: int
    seconds: float
    resumed_from: int | None


def evolve(
    evaluate: Callable[[Floats, int], Floats],
    begin: Floats,
    config: EvolutionConfig,
    folder: Path,
    noise: Noise,
    progress: Callable[..., None] = lambda done, total, **parts: None,
    cancelled: Callable[[], bool] = lambda: False,
    key: str = "",
    watch: Callable[[Floats, int], float] | None = None,
    here: Ranks | None = None,
) -> Evolved:
    """Search for parameters of high fitness, and return the mean of a distribution, never the best candidate.

    Args:
        evaluate: called as evaluate(candidates, generation) with (population, parameters); returns what each is worth,
            float64 (population,), higher is better. It must be a function of its arguments.
        begin: the mean that the search begins with, (parameters,).
        config: how to search.
        folder: private to this search; checkpoints are kept in it.
        noise: stream that the candidates are drawn from.
        progress: called as progress(generation, generations, **numbers).
        cancelled: asked before each generation; true raises CancelledError. Whatever stops it in words, in the middle
            of a generation too, a checkpoint of those before is written.
        key: names all that the search depends on; a checkpoint with the same key is gone on from.
        watch: called as watch(mean, generation) every `watch_every` generations; returns what the mean is worth where
            it counts. The best mean is what the search comes to, and `patience` ends it early.
        here: which of several processes this is, that search together: each judges its share of every population, and
            the first one watches and writes. All are given the same folder.

    Raises:
        MissingExtraError: pycma is not installed.
        TrainingError: the fitness of a candidate is not a finite number.
        CheckpointError: the folder holds the checkpoint of another search, or one that cannot be repeated here.
        StorageError: a checkpoint cannot be written.
        CancelledError: `cancelled` said so; the same call goes on.
    """
    if find_spec("cma") is None:
        raise MissingExtraError("evolving a population", "world")
    here = here or Ranks()
    evaluate = shared(evaluate, here)
    folder.mkdir(parents=True, exist_ok=True)
    search = _Search(begin, config, noise)
    told, before, looks = _resume(search, folder, key, compare=here.rank == 0)
    resumed = len(told) or None
    started = saved = time.monotonic()

    def save() -> None:
        if here.rank:
            return
        tensors = {"fitness": torch.from_numpy(np.array(told)), "mean": torch.from_numpy(search.mean.copy())}
        if looks.best is not None:
            tensors["best"] = torch.from_numpy(looks.best)
        state = {"seconds": before + time.monotonic() - started, "looks": looks.values}
        checkpoint.save(folder, key, checkpoint.Checkpoint(len(told), tensors, state))

    def look() -> None:
        if watch is None or looks.at >= len(told):
            return
        if len(told) == config.generations or len(told) % config.watch_every == 0:
            looks.add(len(told), float(of_first(partial(watch, search.mean, len(told) - 1), here)), search.mean)

    try:
        if told:
            look()  # which it may have been stopped in
        while len(told) < config.generations and not looks.enough(config.patience):
            generation = len(told)
            if cancelled():
                raise CancelledError(f"search stopped at generation {generation}; run it again to go on")
            candidates = search.ask()
            fitness = np.asarray(evaluate(candidates, generation), dtype=np.float64)
            if fitness.shape != (config.population,) or not np.isfinite(fitness).all():
                raise TrainingError(
                    f"generation {generation}: the fitness of {config.population} candidates should be as many finite "
                    f"numbers, but is {fitness.shape} with {int((~np.isfinite(fitness)).sum())} that are not finite"
                )
            row = search.tell(candidates, fitness)
            told.append(fitness)
            look()
            seen = {"watched": looks.values[-1][1]} if looks.at == len(told) else {}
            progress(len(told), config.generations, **row, **seen)
            over = len(told) == config.generations or looks.enough(config.patience)
            if time.monotonic() - saved >= config.keep_seconds or over:
                save()
                saved = time.monotonic()
    except GdlError as error:
        if told and not isinstance(error, StorageError):
            save()
        other = not isinstance(error, TrainingError | StorageError | CancelledError)
        if other and here.world > 1 and cancelled():  # another process heard of it first, and is gone
            raise CancelledError(f"search stopped at generation {len(told)}; run it again to go on") from None
        raise
    mean, at = (search.mean, len(told)) if looks.best is None else (looks.best, looks.best_at)
    seconds = before + time.monotonic() - started
    return Evolved(mean, at, _history(search.curve, looks), len(told), seconds, resumed)


class _Looks:
    """What means were worth where it counts: (generation, value) of each look, and the best of them."""

    def __init__(self) -> None:
        self.values: list[tuple[int, float]] = []
        self.best: Floats | None = None

    def add(self, generation: int, value: float, mean: Floats) -> None:
        if self.best is None or value > max(seen for _, seen in self.values):
            self.best = mean.copy()
        self.values.append((generation, value))

    @property
    def at(self) -> int:
        """Return the generation of the last look; 0: there was none."""
        return self.values[-1][0] if self.values else 0

    @property
    def best_at(self) -> int:
        return max(self.values, key=lambda look: (look[1], -look[0]))[0]

    def enough(self, patience: int) -> bool:
        """Return whether so many looks brought nothing better."""
        later = sum(generation > self.best_at for generation, _ in self.values) if self.values else 0
        return patience > 0 and later >= patience


def _history(curve: list[list[float]], looks: _Looks) -> Table:
    if not looks.values:
        rows = tuple((index + 1, *row) for index, row in enumerate(curve))
        return Table(("generation", *_NUMBERS), rows, "fitness over the generations")
    seen = dict(looks.values)
    watched = tuple((index + 1, *row, seen.get(index + 1)) for index, row in enumerate(curve))
    return Table(("generation", *_NUMBERS, "watched"), watched, "fitness over the generations")


_NUMBERS = ("mean", "best", "worst", "step_size")


class _Search:
    """pycma's search, drawn from our noise."""

    def __init__(self, begin: Floats, config: EvolutionConfig, noise: Noise) -> None:
        import cma

        self.config, self.noise, self.drawn = config, noise, 0
        self.curve: list[list[float]] = []
        options: dict[str, Any] = {
            "popsize": config.population,
            "CMA_diagonal": config.covariance == "diagonal",
            "randn": self._normal,
            "seed": np.nan,
            "verbose": -9,
            "verb_log": 0,
            "verb_disp": 0,
        }
        self.strategy = cma.CMAEvolutionStrategy(begin, config.sigma, options)

    def _normal(self, *shape: int) -> Any:
        """Return normal numbers, each call a stream of its own."""
        self.drawn += 1
        rows, columns = (1, *shape)[-2:] if shape else (1, 1)
        numbers = self.noise.stream("candidates", self.drawn).normal(rows, (columns,)).double().numpy()
        return numbers.reshape(shape) if shape else float(numbers[0, 0])

    @property
    def mean(self) -> Floats:
        return np.asarray(self.strategy.mean, dtype=np.float64)

    def ask(self) -> Floats:
        return np.asarray(self.strategy.ask(), dtype=np.float64)

    def tell(self, candidates: Floats, fitness: Floats) -> dict[str, float]:
        """Take the fitness over; return a row of the curve, without the weight decay."""
        decay = self.config.weight_decay * np.square(candidates).mean(1)
        with warnings.catch_warnings():  # the path of a number that goes one way for long is no fault
            warnings.filterwarnings("ignore", "elements of z2", module="cma")
            self.strategy.tell(list(candidates), list(decay - fitness))
        row = [float(fitness.mean()), float(fitness.max()), float(fitness.min()), float(self.strategy.sigma)]
        self.curve.append(row)
        return dict(zip(_NUMBERS, row, strict=True))


def _resume(search: _Search, folder: Path, key: str, compare: bool) -> tuple[list[Floats], float, _Looks]:
    """Repeat what was told before, without evaluating; return it, the seconds that it took then, and the looks."""
    looks = _Looks()
    found, _ = checkpoint.load_newest(folder, key)
    if found is None:
        return [], 0.0, looks
    told: list[Floats] = list(found.tensors["fitness"].numpy())
    for fitness in told:
        search.tell(search.ask(), fitness)
    if compare and not np.array_equal(search.mean, found.tensors["mean"].numpy()):
        raise CheckpointError(
            f"the search in {folder} cannot be repeated on this machine, whose arithmetic is another than the one "
            "it was begun on; delete the folder to begin again"
        )
    looks.values = [(int(generation), float(value)) for generation, value in found.state["looks"]]
    looks.best = found.tensors["best"].numpy() if "best" in found.tensors else None
    return told, float(found.state["seconds"]), looks
