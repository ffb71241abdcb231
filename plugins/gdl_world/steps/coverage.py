"""`coverage`: how much of a world players have seen in equally many steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from gdl_core.arguments import StepArguments
from gdl_core.errors import DataError
from gdl_core.values import Table
from gdl_world.fit import need_fit
from gdl_world.steps.inputs import EnvironmentInput, EpisodesInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext
    from gdl_world.environment import Environment


class Arguments(StepArguments):
    """Arguments of `coverage`."""

    env: EnvironmentInput = Field(description="the environment that all of them were played in")
    episodes: dict[str, EpisodesInput] = Field(min_length=1, description="episodes, by the names of the table's rows")
    steps: int | None = Field(
        None, ge=1, le=1_000_000_000, description="how many steps of each; left out: as many as all of them have"
    )
    last: int | None = Field(
        None,
        ge=1,
        le=1_000_000_000,
        description="look at so many steps at the end of each, instead of at its beginning",
    )

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that it is not asked to look at the beginning and at the end."""
        if self.steps is not None and self.last is not None:
            yield ("last",), "give steps, to look at the beginning of each, or last, to look at its end; not both"


def run(arguments: Arguments, context: StepContext) -> Table:
    """Return a row for each: states where the environment tells them, kinds of pictures, and means of the states."""
    import numpy as np

    from gdl_world.coverage import kinds_of_pictures, states_of, tells_states

    env: Environment = arguments.env
    if env.dream is not None:
        raise DataError("coverage needs a real environment")
    shortest = min(len(episodes) for episodes in arguments.episodes.values())
    steps = arguments.last or arguments.steps or shortest
    if steps > shortest:
        raise DataError(f"coverage: not all of the episodes have {steps:,} steps; the shortest have {shortest:,}")
    told = tells_states(env)
    rows: list[tuple[Any, ...]] = []
    names: tuple[str, ...] = ()
    for done, (name, episodes) in enumerate(arguments.episodes.items()):
        context.progress(done, len(arguments.episodes))
        need_fit("episodes and environment", tuple(episodes.shape), tuple(env.shape))
        need_fit("their actions", episodes.about["actions"], env.described["actions"])
        first = len(episodes) - steps if arguments.last is not None else 0
        pictures = kinds_of_pictures(episodes, first, first + steps)
        if not told:
            rows.append((name, steps, pictures))
            continue
        states = states_of(env, episodes, first, first + steps, context.check_cancelled)
        names = tuple(states)
        distinct = len(np.unique(np.stack(list(states.values()), axis=1), axis=0))
        rows.append((name, steps, distinct, pictures, *(float(values.mean()) for values in states.values())))
    header = (
        "player",
        "steps",
        *(("states",) if told else ()),
        "kinds of pictures",
        *(f"mean {name}" for name in names),
    )
    for row in rows:
        context.note(
            f"coverage: {row[0]} saw {row[2]:,} {'states' if told else 'kinds of pictures'} in {steps:,} steps"
        )
    return Table(header, tuple(rows), f"what was seen of {env.name} in {steps:,} steps")
