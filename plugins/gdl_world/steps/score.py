"""`score`: what agents earn in a real environment on episodes that nobody has seen, beside blind players."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal
from zipfile import BadZipFile

from pydantic import Field

from gdl_core.arguments import StepArguments
from gdl_core.errors import DataError
from gdl_core.values import Cell, Table
from gdl_world.fit import is_a, need_agent
from gdl_world.steps.inputs import AgentModel, EnvironmentInput, dreams_of_nobody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext
    from gdl_world.environment import Environment

    Scores = tuple[NDArray[np.float64], NDArray[np.int64]]  # what was earned in each episode, and its steps

_HEADER = (
    "player", "mean", "standard error", "median", "lowest", "highest", "steps", "episodes", "seeds", "in its dream",
    "cheat gauge", "note",
)  # fmt: skip


class Arguments(StepArguments):
    """Arguments of `score`."""

    env: EnvironmentInput = Field(description="the environment; a dream where dreams are to be compared with it")
    agents: dict[str, AgentModel] = Field({}, description="agents by the names that the table calls them")
    baselines: list[Literal["random", "still", "sweep"]] = Field(
        ["random", "still", "sweep"], description="who else plays the same episodes"
    )
    dreams: dict[str, EnvironmentInput] = Field(
        {}, description="by the same names, the dreams that agents evolved in: what they earn there stands beside"
    )
    episodes: int = Field(100, ge=2, le=100_000, description="episodes that each plays")
    search: int = Field(50, ge=2, le=100_000, description="episodes that each half-period of a sweep is tried on")

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that each dream is that of an agent."""
        return dreams_of_nobody(self.dreams, self.agents)


def run(arguments: Arguments, context: StepContext) -> Table:
    """Return a row for each player; all play the same episodes."""
    from dataclasses import replace

    from gdl_world.agent import Agent
    from gdl_world.baselines import baseline
    from gdl_world.gauge import earned_in_dream
    from gdl_world.play import AgentPolicy, episode_seeds, played

    env: Environment = arguments.env
    if env.dream is not None:
        raise DataError("score needs a real environment; what is earned in a dream proves nothing")
    seeds = episode_seeds(context.noise.stream("score"), 0, arguments.episodes)
    blind = replace(env, make=env.unseen or env.make)
    total = len(arguments.baselines) + len(arguments.agents)
    rows: list[Any] = []
    for name in arguments.baselines:
        context.progress(len(rows), total)
        period, note = _best_period(blind, arguments.search, context) if name == "sweep" else (0, "")
        label = {"sweep": "blind sweep"}.get(name, name)
        play = partial(played, blind, baseline(name, env, period), seeds, context.check_cancelled)
        found = _once(name, context, play)
        rows.append(_row(label, *found, seeds, note))
    for called, trained in arguments.agents.items():
        context.progress(len(rows), total)
        agent = is_a(trained, Agent, "that evolve made")
        need_agent(agent, env)
        where = trained.data.get("name", "")
        dream = arguments.dreams.get(called)
        dreamt = None if dream is None else earned_in_dream(agent, dream, seeds, context.check_cancelled, env.cap)
        note = f"evolved in {where}" + ("" if agent.memory is not None else ", without a memory")
        if dream is not None and dreamt is None:
            note += "; no gauge: its dreams are no whole episodes"
        play = partial(played, env, AgentPolicy(agent), seeds, context.check_cancelled)
        rows.append(_row(called, *_once(f"agent-{trained.fingerprint[:16]}", context, play), seeds, note, dreamt))
    for row in rows:
        context.note(f"score: {row[0]} {row[1]:.4g} ± {row[2]:.2g} (mean and standard error of {row[7]} episodes)")
    return Table(_HEADER, tuple(rows), f"earned in {env.name}")


def _best_period(env: Environment, episodes: int, context: StepContext) -> tuple[int, str]:
    """Return the half-period that earns most on episodes of their own, and what was tried."""
    from gdl_world.baselines import Sweep
    from gdl_world.play import episode_seeds, played

    seeds = episode_seeds(context.noise.stream("search"), 0, episodes)
    tried = {}
    for period in env.periods:
        play = partial(played, env, Sweep(env.actions, period), seeds, context.check_cancelled)
        tried[period] = float(_once(f"search-{period}", context, play)[0].mean())
    best = max(tried, key=lambda period: tried[period])
    told = ", ".join(f"{period}: {mean:.4g}" for period, mean in tried.items())
    return best, f"half-period {best}, the best on {episodes} other episodes ({told})"


def _once(name: str, context: StepContext, play: Callable[[], Scores]) -> Scores:
    """Return what a player has earned; played once, it is kept in the step's folder, whatever stops the others."""
    import numpy as np

    from gdl_core.media.atomic import replacing

    path = context.folder / f"{name}.npy"
    with suppress(OSError, ValueError, EOFError, BadZipFile):
        earned, steps = np.load(BytesIO(path.read_bytes()), allow_pickle=False)
        return earned, steps.astype(np.int64)
    found = play()
    with replacing(path) as temporary:
        np.save(temporary, np.stack(found), allow_pickle=False)
    return found


def _row(
    name: str,
    earned: NDArray[np.float64],
    steps: NDArray[np.int64],
    seeds: Sequence[int],
    note: str,
    dreamt: float | None = None,
) -> tuple[Cell, ...]:
    import numpy as np

    from gdl_world.gauge import cheat_gauge

    n = len(earned)
    return (
        name, float(earned.mean()), float(earned.std(ddof=1) / n**0.5), float(np.median(earned)), float(earned.min()),
        float(earned.max()), float(steps.mean()), n, f"{seeds[0]} …", dreamt,
        cheat_gauge(dreamt, float(earned.mean())), note,
    )  # fmt: skip
