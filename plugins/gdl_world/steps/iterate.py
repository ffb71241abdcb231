"""`iterate`: rounds of dreaming and waking, after each of which the memory knows better what its dream got wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import Field

from gdl_core.arguments import DatasetInput, StepArguments
from gdl_core.errors import DataError
from gdl_core.values import Table, TrainedModel
from gdl_world.fit import is_a, need_fit
from gdl_world.steps.inputs import AgentModel, EnvironmentInput, MemoryModel, VisionModel

if TYPE_CHECKING:
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext
    from gdl_world.rounds import Surroundings
    from gdl_world.sequences import Sequences

_COLUMNS = ("round", "nll", "dreamt", "earned", "deviation", "strayed")


class Arguments(StepArguments):
    """Arguments of `iterate`."""

    env: EnvironmentInput = Field(description="the real environment")
    vision: VisionModel = Field(description="the world/vision that the agent sees by")
    memory: MemoryModel = Field(description="the world/memory that dreams first, and learns on")
    data: DatasetInput = Field(description="the sequences that the memory has learned from: do: sequences")
    begin: AgentModel | None = Field(
        None, alias="from", description="an agent that does the same by the same numbers: the first search begins there"
    )
    rounds: int = Field(10, ge=1, le=10_000, description="how often it dreams and wakes")
    looks: int = Field(
        12,
        ge=2,
        le=4096,
        description="episodes that the agent plays in a round, as it is: they tell which round to keep",
    )
    strays: int = Field(
        16, ge=0, le=4096, description="episodes of a round that others like it play, who explore, for the memory"
    )
    spread: float = Field(
        0.5, ge=0, le=100, description="how far those are from it: standard deviations of its last search"
    )
    explore: float = Field(0.2, ge=0, le=1, description="share of the steps at which those do something at random")
    updates: int = Field(1000, ge=1, le=10_000_000, description="steps that the memory learns in a round")
    batch: int = Field(32, ge=1, le=65536, description="windows in a batch of these")
    recent: int = Field(3, ge=1, le=1000, description="rounds that count as new, and for half of what is learned")
    temperature: float = Field(1.2, ge=0, le=10, description="of the dreams")
    ended: float = Field(0.5, gt=0, lt=1, description="what the memory has to say of the end for a dream to end")
    horizon: int = Field(80, ge=1, le=1_000_000, description="steps of a dream; they begin anywhere in what was played")
    generations: int = Field(40, ge=1, le=100_000, description="generations of a round's search")
    population: int = Field(64, ge=4, le=4096, description="candidates of a generation")
    rollouts: int = Field(32, ge=1, le=4096, description="dreams that each candidate is judged by")
    sigma: float = Field(0.05, gt=0, le=100, description="step size that each search begins with")
    cell: bool = Field(False, description="the controller knows the cell of the memory's LSTM beside its output")

    def gives_roles(self, registry: Registry) -> frozenset[str]:
        """An agent acts."""
        return frozenset({"acts"})


def run(arguments: Arguments, context: StepContext) -> TrainedModel:
    """Return the agent of the round whose looks earned most, with that round's memory."""
    from gdl_world.sequences import Sequences

    env, data = arguments.env, arguments.data
    if env.dream is not None:
        raise DataError("iterate needs a real environment; it makes its dreams itself")
    if not isinstance(data, Sequences):
        raise DataError("data needs the sequences that the memory was trained on: do: sequences")
    memory, agent, known = arguments.memory, arguments.begin, [data]
    rows: list[tuple[Any, ...]] = []
    best: TrainedModel | None = None
    for number in range(arguments.rounds):
        context.check_cancelled()
        here = _here(context, number, arguments.rounds)
        surprise: float | None = None
        if number:
            memory, surprise = _learn(arguments, memory, known, here.part("memory"))
        agent, dreamt, sigma = _dream(arguments, memory, agent, known, context, here.part("search"))
        new, earned, strayed = _play(arguments, agent, sigma, data, here.part("played"))
        known.append(new)
        row = (number + 1, surprise, dreamt, *_mean_and_deviation(earned), strayed)
        context.progress(number + 1, arguments.rounds, dreamt=dreamt, earned=row[3])
        rows.append(row)
        if best is None or row[3] > max(before[3] for before in rows[:-1]):
            best = agent
    assert best is not None
    kept = max(rows, key=lambda row: (row[3], -row[0]))
    context.note(
        f"iterate: the agent of round {kept[0]} of {arguments.rounds} is kept, whose looks in {env.name} earned most: "
        f"{kept[3]:.4g} over {arguments.looks} episodes, which are no score"
    )
    return replace(best, history=Table(_COLUMNS, tuple(rows), "what was dreamt and what was earned, round by round"))


def _here(context: StepContext, number: int, rounds: int) -> Surroundings:
    from gdl_world.rounds import Surroundings

    def progress(done: int, total: int, **numbers: float) -> None:
        context.progress(number, rounds, **numbers)

    return Surroundings(
        context.folder / f"round-{number + 1:04d}", context.noise.stream("round", number), context.device,
        progress, context.cancelled, context.check_cancelled,
    )  # fmt: skip


def _learn(
    arguments: Arguments, memory: TrainedModel, known: list[Sequences], here: Surroundings
) -> tuple[TrainedModel, float]:
    """Return the memory that has learned from what was played since, and its last surprise at what was held out."""
    from gdl_world.rounds import learned

    found = learned(memory, known, arguments.recent, arguments.updates, arguments.batch, here)
    return found, _last(found, "held_out_nll")


def _dream(
    arguments: Arguments,
    memory: TrainedModel,
    begin: TrainedModel | None,
    known: list[Sequences],
    context: StepContext,
    here: Surroundings,
) -> tuple[TrainedModel, float, float]:
    """Return what evolved in the memory's dream, what its last generation earned there, and the last step size."""
    from gdl_core.training.distributed import Ranks
    from gdl_world.sequences import joined
    from gdl_world.steps import dream, evolve

    inner = replace(context, folder=here.folder, noise=here.noise, progress=here.progress, notes=[])
    starts = joined(known[-arguments.recent - 1 :], [1] * min(len(known), arguments.recent + 1))
    dreams = dream.run(
        dream.Arguments(
            vision=arguments.vision, memory=memory, starts=starts, temperature=arguments.temperature,
            ended=arguments.ended, cap=arguments.horizon,
        ),
        inner,
    )  # fmt: skip
    asked: dict[str, Any] = {
        "env": dreams, "vision": arguments.vision, "memory": memory, "generations": arguments.generations,
        "population": arguments.population, "rollouts": arguments.rollouts, "sigma": arguments.sigma,
        "cell": arguments.cell, "from": begin,
    }  # fmt: skip
    agent = evolve.search(evolve.Arguments.model_validate(asked), inner, Ranks())
    return agent, _last(agent, "mean"), _last(agent, "step_size")


def _play(
    arguments: Arguments, agent: TrainedModel, sigma: float, data: Sequences, here: Surroundings
) -> tuple[Sequences, list[float], float | None]:
    """Return what was played, what the agent earned, and what those earned on average who strayed from it."""
    from gdl_world.agent import Agent
    from gdl_world.baselines import Exploring
    from gdl_world.play import AgentPolicy, Around
    from gdl_world.rounds import played
    from gdl_world.sequences import joined

    env, length, model = arguments.env, data.data.shape[1], is_a(agent, Agent, "that evolve made")
    need_fit("the sequences and the vision", data.latent, model.vision.latent_shape[0])
    seen, earned = played(env, arguments.vision, AgentPolicy(model), arguments.looks, length, here.part("looks"))
    if not arguments.strays:
        return seen, earned, None
    policy = Exploring(Around(model, arguments.spread * sigma), env, arguments.explore)
    more, strayed = played(env, arguments.vision, policy, arguments.strays, length, here.part("strays"))
    return joined([seen, more], [1, 1]), earned, sum(strayed) / len(strayed)


def _last(trained: TrainedModel, name: str) -> float:
    return float(str(trained.history.column(name)[-1]))


def _mean_and_deviation(numbers: list[float]) -> tuple[float, float]:
    import numpy as np

    return float(np.mean(numbers)), float(np.std(numbers, ddof=1))
