"""An environment as steps pass it on: how to make as many of it as are wanted, and what is known about it beforehand.

Environments are gymnasium's `VectorEnv` with autoreset switched off: a row whose episode has ended stands still until
it is begun again. `reset(seed=[…])` begins one episode for each seed, and an episode is a function of its seed and of
what is done in it, whatever else runs beside it. Observations are uint8 (rows, height, width, 3).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gdl_core.errors import MissingExtraError
from gdl_core.specs import Kind

if TYPE_CHECKING:
    from gymnasium.vector import VectorEnv

    from gdl_world.dream import Dream


@dataclass(frozen=True)
class Actions:
    """What can be done: one of `choices`, or `numbers` numbers between -1 and 1.

    `sweep` are the two actions that a blind policy changes between, `still` is to do nothing, `names` are what people
    call the choices, or the numbers.
    """

    choices: int = 0
    numbers: int = 0
    still: int | tuple[float, ...] = 0
    sweep: tuple[int | tuple[float, ...], int | tuple[float, ...]] = (0, 1)
    names: tuple[str, ...] = ()

    def told(self, action: Any) -> str:
        """Return an action in words.

        >>> Actions(choices=2, names=("stay", "run")).told(1)
        'run'
        >>> Actions(numbers=2, names=("steer", "gas")).told((0.51, -1))
        'steer +0.5 gas -1.0'
        >>> Actions(choices=2).told(1), Actions(numbers=2).told((0.5, -1))
        ('action 1', '+0.5 -1.0')
        """
        if self.choices:
            return self.names[int(action)] if self.names else f"action {int(action)}"
        words = [f"{name} " for name in self.names] or [""] * self.numbers
        return " ".join(f"{word}{float(number):+.1f}" for word, number in zip(words, action, strict=True))

    @property
    def width(self) -> int:
        """Numbers that stand for an action where a network is told of it: one for each choice, or the numbers."""
        return self.choices or self.numbers

    def vectors(self, actions: NDArray[Any]) -> NDArray[np.float32]:
        """Return actions as a network is told of them, float32 (n, width)."""
        if self.choices:
            return np.eye(self.choices, dtype=np.float32)[np.asarray(actions, dtype=np.int64)]
        return np.asarray(actions, dtype=np.float32)

    def repeat(self, action: int | tuple[float, ...], rows: int) -> NDArray[Any]:
        """Return one action for each of so many rows: int64 (rows,) or float32 (rows, numbers)."""
        kind = np.int64 if self.choices else np.float32
        return np.repeat(np.asarray(action, dtype=kind)[None], rows, axis=0)


@dataclass(frozen=True)
class Environment:
    """A kind of world, real or dreamt.

    Args:
        name: what it is called.
        shape: (channels, height, width) of what is seen.
        actions: what can be done.
        cap: steps after which an episode is cut off.
        make: makes a `VectorEnv` of so many rows.
        unseen: makes the same without pictures, for players that do not look, where that is much faster.
        slots: rows whose frames are kept at once while it is played for a store.
        most: rows that are made at once at most: each may be an engine or a process's share.
        periods: half-periods in steps that a blind sweep is looked for among.
        hold: least and most steps for which a random player holds an action.
        about: settings and versions, plain JSON, for records.
        dream: what it is made of, if it is a dream; what is seen then are V's points.
    """

    kind: ClassVar[Kind] = "environment"
    name: str
    shape: tuple[int, int, int]
    actions: Actions
    cap: int
    make: Callable[[int], VectorEnv[Any, Any, Any]]
    unseen: Callable[[int], VectorEnv[Any, Any, Any]] | None = None
    slots: int = 64
    most: int = 64
    periods: tuple[int, ...] = (4, 8, 12, 16, 24, 32)
    hold: tuple[int, int] = (1, 1)
    about: Mapping[str, Any] = field(default_factory=dict)
    dream: Dream | None = None

    @property
    def described(self) -> dict[str, Any]:
        """What episodes keep of it: `about`, its actions, and when they are cut off."""
        actions = {"choices": self.actions.choices, "numbers": self.actions.numbers}
        return {"name": self.name, **self.about, "actions": actions, "cap": self.cap}


def need(what: str, extra: str, *modules: str) -> None:
    """Raise MissingExtraError, naming what needs it, where one of an extra's modules is not installed."""
    if any(importlib.util.find_spec(module) is None for module in modules):
        raise MissingExtraError(what, extra)
