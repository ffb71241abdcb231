"""A plugin with quick steps that count how often they run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from gdl_core.arguments import Accepts, StepArguments
from gdl_core.config import InputPath, Settings
from gdl_core.hooks import hookimpl
from gdl_core.specs import DatasetSpec, Kind, StepSpec
from gdl_core.steps.context import StepContext
from gdl_core.values import Frames, Images, Table, Text

RUNS: Counter[str] = Counter()
"""How often each step ran, by its name in the recipe."""

HEARD: list[str] = []
"""What the observer hooks were told."""


class DrawArguments(StepArguments):
    n: int = Field(2, ge=1, le=64, description="pictures")
    size: int = Field(4, ge=1)
    noise: bool = False


def draw(arguments: DrawArguments, context: StepContext) -> Images:
    RUNS[context.name] += 1
    shape = (arguments.n, arguments.size, arguments.size, 3)
    if arguments.noise:
        drawn = context.noise.normal(arguments.n, shape[1:]).numpy()
        return Images((drawn * 40 + 128).clip(0, 255).astype(np.uint8))
    return Images(np.full(shape, len(context.name), dtype=np.uint8))


class JoinArguments(StepArguments):
    of: list[Annotated[Images | Path, Accepts("image", files=True)]]
    weight: float = Field(1.0, ge=0, le=1)
    how: Literal["row", "column"] = "row"


def join(arguments: JoinArguments, context: StepContext) -> Images:
    RUNS[context.name] += 1
    parts = [part.pixels for part in arguments.of if isinstance(part, Images)]
    context.note(f"joined {len(parts)} of {len(arguments.of)}")
    return Images(np.concatenate(parts) if parts else np.zeros((1, 2, 2, 3), np.uint8))


class CountArguments(StepArguments):
    of: Annotated[Images, Accepts("image")]
    folder: InputPath | None = None


def count(arguments: CountArguments, context: StepContext) -> Table:
    RUNS[context.name] += 1
    return Table(("what", "how many"), (("pictures", len(arguments.of.pixels)), ("share", 0.123456)), title="counted")


class SlowArguments(StepArguments):
    units: int = Field(4, ge=1)
    stop_at: int = 0


STOP = False


def slow(arguments: SlowArguments, context: StepContext) -> Table:
    """Do units one by one, keeping count in the state folder, as a training does."""
    global STOP
    RUNS[context.name] += 1
    state = context.folder / "done"
    done = int(state.read_text()) if state.exists() else 0
    began = done
    while done < arguments.units:
        if arguments.stop_at == done and began == 0:
            STOP = True
        context.check_cancelled()
        done += 1
        state.write_text(str(done))
        context.progress(done, arguments.units, loss=1.0 / done)
    return Table(("began", "ended"), ((began, done),))


class FailArguments(StepArguments):
    how: Literal["bug", "input", "kind", "memory", "interrupt"] = "bug"


def fail(arguments: FailArguments, context: StepContext) -> Any:
    from gdl_core.errors import DataError

    RUNS[context.name] += 1
    if arguments.how == "kind":
        return "a text"
    raise {
        "bug": ZeroDivisionError("division\nby zero"),
        "input": DataError("the pictures are empty; give others"),
        "memory": MemoryError(),
        "interrupt": KeyboardInterrupt(),
    }[arguments.how]


class DotsConfig(Settings):
    n: int = Field(3, ge=1)
    folder: InputPath | None = None


class Dots:
    kind = "dataset"


def dots(config: DotsConfig, context: StepContext) -> Dots:
    RUNS[context.name] += 1
    return Dots()


class UseArguments(StepArguments):
    data: Annotated[Any, Accepts("dataset")]


def use(arguments: UseArguments, context: StepContext) -> Images:
    RUNS[context.name] += 1
    assert isinstance(arguments.data, Dots)
    return Images(np.zeros((1, 2, 2, 3), np.uint8))


class FilmArguments(StepArguments):
    of: Annotated[Images, Accepts("image")]


def film(arguments: FilmArguments, context: StepContext) -> Frames:
    RUNS[context.name] += 1
    return Frames(np.repeat(np.repeat(arguments.of.pixels, 8, axis=1), 8, axis=2), fps=8)


class TellArguments(StepArguments):
    texts: list[str]


def tell(arguments: TellArguments, context: StepContext) -> Text:
    RUNS[context.name] += 1
    return Text(tuple(arguments.texts))


_GIVES: dict[str, Kind] = {"count": "table", "slow": "table", "film": "frames", "tell": "text"}


@hookimpl
def gdl_steps() -> Iterable[StepSpec]:
    for name in ("draw", "join", "count", "slow", "fail", "use", "film", "tell"):
        gives = _GIVES.get(name, "image")
        home = f"recipe.fakes:{name}"
        yield StepSpec(name, "A fake.", home, f"recipe.fakes:{name.title()}Arguments", gives)


@hookimpl
def gdl_datasets() -> Iterable[DatasetSpec]:
    yield DatasetSpec("dots", "Dots.", "recipe.fakes:dots", "recipe.fakes:DotsConfig", packages=("dots-of-others",))


@hookimpl
def gdl_step_end(step: str, cached: bool, error: BaseException | None) -> None:
    HEARD.append(f"{step} {'cached' if cached else 'failed' if error else 'done'}")
