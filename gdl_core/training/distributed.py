"""Several processes that work on one thing, as `torchrun` starts them: who one is, and a population judged by all.

    torchrun --nproc-per-node 2 search.py        # each process evolves, and judges its share of every population

Each process asks the same candidates of the same noise, so that only what they are worth goes over the wire.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray

Floats = NDArray[np.float64]


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
        dist.init_process_group(backend)
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size())
    finally:
        if joined:
            dist.destroy_process_group()


def shared(evaluate: Callable[[Floats, int], Floats], here: Ranks) -> Callable[[Floats, int], Floats]:
    """Return what judges a population together: each process every world-th candidate, all of them told of all.

    Args:
        evaluate: judges candidates, however many.
        here: who this process is.
    """
    if here.world == 1:
        return evaluate

    def together(candidates: Floats, generation: int) -> Floats:
        mine = evaluate(candidates[here.rank :: here.world], generation)
        most = -(-len(candidates) // here.world)
        padded = torch.zeros(most, dtype=torch.float64)
        padded[: len(mine)] = torch.from_numpy(np.ascontiguousarray(mine, dtype=np.float64))
        parts = [torch.empty_like(padded) for _ in range(here.world)]
        dist.all_gather(parts, padded)
        fitness = np.empty(len(candidates))
        for rank, part in enumerate(parts):
            share = len(candidates[rank :: here.world])
            fitness[rank :: here.world] = part[:share].numpy()
        return fitness

    return together
