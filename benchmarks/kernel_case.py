"""What is compared: one public function, its rivals, and what each pass over them calls.

An `Operation` is described once, for every device; a `Case` is one of its shapes, types and passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import torch
from paired import Call
from torch import Tensor

Shape = tuple[int, ...]
Pass = Literal["forward", "backward", "full"]
Function = Callable[..., Any]

PASSES: tuple[Pass, ...] = get_args(Pass)
HALF = (torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class Subject:
    """The tensors of a case, and functions of them: ours, its rivals in plain torch by name, and numpy's of arrays.

    Gradients are taken for all inputs; what needs none is bound to the functions. `compiled` is the rival that
    torch.compile gets; `same`: all give the same numbers, which is checked before they are timed.
    """

    inputs: list[Tensor]
    ours: Function
    rivals: Mapping[str, Function]
    compiled: Function | None = None
    numpy: Function | None = None
    same: bool = True


def once_each(kind: Pass, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
    """Bytes that must move: forward reads the inputs and writes the outputs, backward reads the inputs and the
    outputs' gradients and writes the inputs' gradients."""
    read, written = sum(x.nbytes for x in inputs), sum(x.nbytes for x in outputs)
    return {"forward": read + written, "backward": 2 * read + written, "full": 3 * read + 2 * written}[kind]


def linear(kind: Pass, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
    """Bytes of a linear operation, whose backward pass reads no inputs."""
    each = sum(x.nbytes for x in (*inputs, *outputs))
    return 2 * each if kind == "full" else each


def no_goals(device: str, dtype: torch.dtype, kind: Pass, shape: Shape) -> dict[str, float]:
    return {}


@dataclass(frozen=True)
class Operation:
    """A public function of gdl_core.kernels in one of its uses, with the shapes to time it at.

    `goals` says how many times faster than each rival it has to be; under "copy", which share of the copy bandwidth it
    has to reach. `compiled`: the passes that torch.compile joins in without being asked to join in all.
    """

    family: str
    op: str
    detail: str
    shapes: Sequence[Shape]
    make: Callable[[Shape, torch.dtype, str], Subject]
    passes: Sequence[Pass] = ("forward",)
    half_shapes: Sequence[Shape] = ()
    half_passes: Sequence[Pass] = ("forward",)
    compiled: Sequence[Pass] = ()
    goals: Callable[[str, torch.dtype, Pass, Shape], dict[str, float]] = no_goals
    moved: Callable[[Pass, Sequence[Tensor], Sequence[Tensor]], int] = once_each
    label: Callable[[Shape], str] = field(default=lambda shape: "x".join(map(str, shape)))

    def cases(self) -> Iterator[Case]:
        for shape in self.shapes:
            for kind in self.passes:
                yield Case(self, shape, torch.float32, kind)
        for shape in self.half_shapes:
            for dtype in HALF:
                for kind in self.half_passes:
                    yield Case(self, shape, dtype, kind)


@dataclass(frozen=True)
class Case:
    operation: Operation
    shape: Shape
    dtype: torch.dtype
    kind: Pass

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")

    @property
    def name(self) -> str:
        detail = f" {self.operation.detail}" if self.operation.detail else ""
        return f"{self.operation.op}{detail} {self.kind} {self.operation.label(self.shape)} {self.dtype_name}"

    @property
    def is_large(self) -> bool:
        """Whether the tensors are far larger than caches."""
        return torch.Size(self.shape).numel() >= 1 << 23

    def subject(self, device: str) -> Subject:
        torch.manual_seed(0)
        return self.operation.make(self.shape, self.dtype, device)

    def goals(self, device: str) -> dict[str, float]:
        return self.operation.goals(device, self.dtype, self.kind, self.shape)


def tensors(result: Any) -> list[Tensor]:
    """Return a function's results as a list."""
    return list(result) if isinstance(result, (tuple, list)) else [result]


def bind(function: Function, inputs: Sequence[Tensor], kind: Pass) -> Call:
    """Return the call that one pass consists of. Backward alone goes over one graph again and again."""
    if kind == "forward":
        return lambda: function(*inputs)
    trained = [x.detach().clone().requires_grad_() for x in inputs]
    outputs = tensors(function(*trained))
    weights = [torch.randn_like(x) for x in outputs]
    if kind == "backward":
        return lambda: torch.autograd.grad(outputs, trained, weights, retain_graph=True)
    return lambda: torch.autograd.grad(tensors(function(*trained)), trained, weights)


class DifferentError(Exception):
    """A rival gives other numbers than ours."""


def check_same(ours: Function, rival: Function, subject: Subject) -> None:
    """Refuse to time a rival that does something else.

    Raises:
        DifferentError: it does.
    """
    first = subject.inputs[0]
    tolerance = {torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 2e-1}
    close = tolerance[first.dtype] if first.is_cpu else max(tolerance[first.dtype], 5e-3)  # convolutions may use TF32
    for a, b in zip(tensors(ours(*subject.inputs)), tensors(rival(*subject.inputs)), strict=True):
        try:
            torch.testing.assert_close(a.float(), b.float(), rtol=close, atol=close)
        except AssertionError as error:
            raise DifferentError(str(error)) from error
