"""Clocks and memory of a CUDA device. Nothing here runs, or is imported, without one."""

from __future__ import annotations

import math
import statistics

import torch
from paired import Call, no_collection

ITERATIONS = 200  # of each rival and of ours at least, over all pairs
MOST_CALLS = 1000
BLOCK_SECONDS = 0.004
WARM_UPS = 3
CALLS_IN_GRAPH = 10


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)


class EventClock:
    """Calls one after the other between two events: what a loop waits for, launches included where they take longer."""

    name = "events"

    def prepare(self, call: Call) -> Call:
        for _ in range(WARM_UPS):
            call()
        torch.cuda.synchronize()
        return call

    def seconds(self, call: Call, calls: int) -> float:
        start, end = _event(), _event()
        with no_collection():
            start.record()
            for _ in range(calls):
                call()
            end.record()
            end.synchronize()
        return start.elapsed_time(end) / calls / 1e3

    def calls(self, seconds: float, pairs: int) -> int:
        return max(math.ceil(ITERATIONS / pairs), min(int(BLOCK_SECONDS / seconds), MOST_CALLS))


class FlushedClock(EventClock):
    """Each call alone between two events, after the L2 cache was overwritten: tensors come from memory."""

    name = "flushed"

    def __init__(self) -> None:
        size = torch.cuda.get_device_properties(torch.cuda.current_device()).L2_cache_size
        self._other = torch.empty(4 * max(size, 1 << 26), dtype=torch.uint8, device="cuda")

    def seconds(self, call: Call, calls: int) -> float:
        events = [(_event(), _event()) for _ in range(calls)]
        with no_collection():
            for start, end in events:
                self._other.zero_()
                start.record()
                call()
                end.record()
            torch.cuda.synchronize()
        return statistics.median(start.elapsed_time(end) for start, end in events) / 1e3

    def calls(self, seconds: float, pairs: int) -> int:
        return math.ceil(ITERATIONS / pairs)


class GraphClock(EventClock):
    """Calls captured in a CUDA graph and replayed: the device's own time, without launches from Python."""

    name = "graph"

    def prepare(self, call: Call) -> Call:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                call()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for _ in range(CALLS_IN_GRAPH):
                call()
        return graph.replay

    def seconds(self, call: Call, calls: int) -> float:
        return super().seconds(call, calls) / CALLS_IN_GRAPH

    def calls(self, seconds: float, pairs: int) -> int:
        return super().calls(seconds * CALLS_IN_GRAPH, pairs)


def peak_bytes(call: Call) -> int:
    """Return the most memory that a call needs beyond what is held before it, its results included."""
    call()
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    kept = call()
    torch.cuda.synchronize()
    del kept
    return torch.cuda.max_memory_allocated() - before
