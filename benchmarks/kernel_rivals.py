"""Whom ours is timed against: plain torch, torch.compile in two ways, numpy."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, cast

import torch
from kernel_case import Case, Function, Subject, bind, check_same
from paired import Call

# "eager" stands for everything in plain torch, whatever its name in the table.
RIVALS = ("eager", "compile", "fallback_random", "numpy")
COPIED = (4096, 4096)
COMPILED: dict[str, dict[str, Any] | None] = {"compile": None, "fallback_random": {"fallback_random": True}}


@dataclass(frozen=True)
class Setting:
    """How everything in one run is measured; after `deadline` (time.monotonic) nothing more is compiled."""

    device: str
    pairs: int = 15
    budget: float = 4.0
    rivals: tuple[str, ...] = RIVALS
    all_compiled: bool = False
    deadline: float = math.inf


@dataclass(frozen=True)
class Rival:
    """A rival by name; `prepare` compiles and checks it, and may raise. `context` holds while it is timed.

    `moved` are the bytes of a copy, whose bandwidth is compared and not its time.
    """

    name: str
    prepare: Callable[[], Call]
    context: Callable[[], AbstractContextManager[object]] = nullcontext
    moved: int = 0


@lru_cache(maxsize=4)
def copy_call(device: str, dtype: torch.dtype) -> tuple[Call, int]:
    """Return a call that copies one large tensor into another, and the bytes that it reads and writes."""
    source = torch.randn(COPIED, device=device).to(dtype)
    target = torch.empty_like(source)
    return lambda: target.copy_(source), 2 * source.nbytes


def _retain_graph() -> AbstractContextManager[object]:
    """Let the backward pass of a compiled function run more than once over one graph."""
    from torch._functorch import config

    return cast(AbstractContextManager[object], config.patch(donated_buffer=False))


def _compiled(function: Function, name: str) -> Function:
    """Compile afresh: what was compiled for another shape would make this one's sizes variable, and slower."""
    torch._dynamo.reset()
    return torch.compile(function, fullgraph=True, options=COMPILED[name])


def rivals_of(case: Case, subject: Subject, setting: Setting, with_copy: bool) -> Iterator[Rival]:
    """Yield the rivals of one case that were asked for; torch.compile only where the case has it by default, or all."""
    wanted, plain_float = setting.rivals, case.dtype == torch.float32

    def prepare(function: Function, check: bool = True) -> Call:
        if subject.same and check:
            check_same(subject.ours, function, subject)
        return bind(function, subject.inputs, case.kind)

    def prepare_compiled(function: Function, name: str) -> Call:
        if time.monotonic() > setting.deadline:
            raise TimeoutError("no time left to compile it")
        return prepare(_compiled(function, name), check=case.kind == "forward")

    def prepare_numpy(function: Function) -> Call:
        arrays = [x.numpy() for x in subject.inputs]
        if subject.same:
            check_same(subject.ours, lambda *_: torch.from_numpy(function(*arrays)), subject)
        return lambda: function(*arrays)

    if "eager" in wanted:
        for name, function in subject.rivals.items():
            yield Rival(name, partial(prepare, function))
    if subject.compiled and (setting.all_compiled or (plain_float and case.kind in case.operation.compiled)):
        context = _retain_graph if case.kind == "backward" else nullcontext
        for name in COMPILED:
            if name in wanted and not (subject.same and name == "fallback_random"):  # nothing random in it
                yield Rival(name, partial(prepare_compiled, subject.compiled, name), context)
    if "numpy" in wanted and subject.numpy and plain_float and (setting.device, case.kind) == ("cpu", "forward"):
        yield Rival("numpy", partial(prepare_numpy, subject.numpy))
    if with_copy:
        call, moved = copy_call(setting.device, case.dtype)
        yield Rival("copy", lambda: call, moved=moved)
