"""Several processes that work on one thing, as `torchrun` starts them: who one is, and a population judged by all.

    torchrun --nproc-per-node 2 search.py        # each process evolves, and judges its share of every population

Candidates are those of the first process, so that machines whose arithmetic is not the same do not drift apart.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray

from gdl_core.errors import GdlError

Floats = NDArray[np.float64]

_FAREWELL = timedelta(seconds=30)
_PATIENCE = timedelta(days=30)  # that long the others may wait while the first one trains


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this one is, counted from 0."""

    rank: int = 0
    world: int = 1


@contextmanager
def ranks(backend: str = "gloo") -> Iterator[Ranks]:
    """Join the processes that torchrun started; outside of it there is one.

    The group is left again at the end, where it was joined here.
    """
    if not dist.is_available() or ("WORLD_SIZE" not in os.environ and not dist.is_initialized()):
        yield Ranks()
        return
    joined = not dist.is_initialized()
    if joined:
        dist.init_process_group(backend, timeout=_PATIENCE)
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size())
        if joined and backend == "gloo":
            with suppress(RuntimeError):  # who is gone is not waited for
                dist.monitored_barrier(timeout=_FAREWELL)  # whoever left early could take the others' connections along
    finally:
        if joined:
            dist.destroy_process_group()


def here() -> Ranks:
    """Return which of how many processes this one is; of one, where they were not joined."""
    if not dist.is_available() or not dist.is_initialized():
        return Ranks()
    return Ranks(dist.get_rank(), dist.get_world_size())


def of_first(compute: Callable[[], float], here: Ranks) -> float:
    """Return, in every process, what the first one computes.

    Raises:
        GdlError: the first process is gone.
    """
    if here.world == 1:
        return compute()
    number = torch.tensor([compute() if here.rank == 0 else 0.0], dtype=torch.float64)
    _over_the_wire(lambda: dist.broadcast(number, 0))
    return float(number)


def as_first(tensor: torch.Tensor, here: Ranks) -> torch.Tensor:
    """Return, in every process, what the first one's tensor holds, on the CPU; others give one of the same shape.

    Raises:
        GdlError: the first process is gone.
    """
    numbers = tensor.detach().cpu().contiguous()
    if here.world > 1:
        _over_the_wire(lambda: dist.broadcast(numbers, 0))
    return numbers


def _over_the_wire(say: Callable[[], object]) -> None:
    try:
        say()
    except RuntimeError as error:  # all that gloo raises
        raise GdlError("another of these processes has ended; what it says tells why") from error


def shared(evaluate: Callable[[Floats, int], Floats], here: Ranks) -> Callable[[Floats, int], Floats]:
    """Return what judges a population together: each process every world-th candidate, all of them told of all.

    Args:
        evaluate: judges candidates, however many.
        here: who this process is.
    """
    if here.world == 1:
        return evaluate

    def together(candidates: Floats, generation: int) -> Floats:
        given = torch.from_numpy(np.array(candidates, dtype=np.float64))
        _over_the_wire(lambda: dist.broadcast(given, 0))
        share = given.numpy()[here.rank :: here.world]
        mine = evaluate(share, generation) if len(share) else np.empty(0)
        most = -(-len(candidates) // here.world)
        padded = torch.zeros(most, dtype=torch.float64)
        padded[: len(mine)] = torch.from_numpy(np.ascontiguousarray(mine, dtype=np.float64))
        parts = [torch.empty_like(padded) for _ in range(here.world)]
        _over_the_wire(lambda: dist.all_gather(parts, padded))
        fitness = np.empty(len(candidates))
        for rank, part in enumerate(parts):
            fitness[rank :: here.world] = part[: len(fitness[rank :: here.world])].numpy()
        return fitness

    return together
