"""`temperatures`: the same dream at several temperatures, an agent playing in each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from gdl_core.arguments import StepArguments
from gdl_core.errors import DataError
from gdl_core.values import Frames
from gdl_world.fit import is_a, need_dream
from gdl_world.steps.inputs import AgentModel, EnvironmentInput

if TYPE_CHECKING:
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `temperatures`."""

    dream: EnvironmentInput = Field(description="a dream")
    agent: AgentModel = Field(description="who plays")
    temperatures: list[Annotated[float, Field(ge=0, le=10)]] = Field(
        [0.1, 0.5, 1.0, 1.3], min_length=1, max_length=12, description="how uncertain it is, from 0 to 10"
    )
    steps: int = Field(300, ge=2, le=10_000, description="steps at most")
    fps: float = Field(20.0, gt=0, le=120, description="frames a second")
    dreams: int = Field(2, ge=1, le=8, description="dreams of each temperature, one below the other")


def run(arguments: Arguments, context: StepContext) -> Frames:
    """Return the film; dreams of one row begin alike and meet the same noise."""
    import numpy as np
    import torch

    from gdl_core.media.sheet import Grid, draw
    from gdl_world.agent import Agent
    from gdl_world.dream import DreamEnv, at_temperature, moved
    from gdl_world.play import episode_seeds

    if arguments.dream.dream is None:
        raise DataError("temperatures needs a dream (do: dream)")
    agent = is_a(arguments.agent, Agent, "that evolve made")
    need_dream(agent, arguments.dream.dream)
    dream = moved(arguments.dream.dream, "cpu")
    seeds = episode_seeds(context.noise.stream("temperatures"), 0, arguments.dreams)
    shown, lasted = [], []
    for temperature in arguments.temperatures:
        env = DreamEnv(at_temperature(dream, temperature), len(seeds))
        z, _ = env.reset(seed=seeds)
        state = None if agent.memory is None else dream.remembered(torch.tensor(seeds))
        frames, lengths = [env.frames()], np.full(len(seeds), arguments.steps)
        live = np.ones(len(seeds), dtype=bool)
        for time in range(arguments.steps - 1):
            context.check_cancelled()
            action, state = agent.decide(torch.from_numpy(z), state)
            z, _, over, cut, _ = env.step(action.numpy())
            lengths[live & (over | cut)] = time + 1
            live &= ~(over | cut)
            frames.append(np.where(live[:, None, None, None], env.frames(), frames[-1] // 8 * 7))
        shown.append(np.stack(frames))
        lasted.append(lengths)
    longest = min(arguments.steps, int(np.max(lasted)) + 10)
    heads = [f"temperature {temperature:g}" for temperature in arguments.temperatures]
    film = []
    for time in range(longest):
        cells = np.stack([column[time, row] for row in range(len(seeds)) for column in shown])
        film.append(draw([Grid(cells, columns=len(heads), heads=heads, gap=10)]))
    told = ", ".join(f"{head} {', '.join(map(str, ends))}" for head, ends in zip(heads, lasted, strict=True))
    context.note(f"temperatures: steps that the dreams lasted: {told}")
    return Frames(np.stack(film), arguments.fps)
