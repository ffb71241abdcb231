"""`iterate`: rounds of dreaming and waking, after each of which the memory knows better what its dream got wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import Field

from gdl_core.arguments import DatasetInput, StepArguments
from gdl_core.errors import DataError
from gdl_core.values import Table, TrainedModel
from gdl_world.fit import is_a, need_agent, need_fit, need_vision
from gdl_world.steps.inputs import AgentModel, EnvironmentInput, MemoryModel, VisionModel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext
    from gdl_world.rounds import Outcome, Surroundings
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
        description="episodes that the agent plays as it is, others in each round: they tell which to keep",
    )
    strays: int = Field(
        16, ge=0, le=4096, description="episodes of a round that others like it play, who explore, for the memory"
    )
    spread: float = Field(
        0.5, ge=0, le=100, description="how far those are from it, as a share of the step size its search ended with"
    )
    explore: float = Field(0.2, ge=0, le=1, description="share of the steps at which those do something at random")
    updates: int = Field(1000, ge=1, le=10_000_000, description="steps that the memory learns in a round")
    batch: int = Field(32, ge=1, le=65536, description="windows in a batch of these")
    recent: int = Field(
        3,
        ge=1,
        le=1000,
        description="rounds that count as new: for about half of what is learned, and of where dreams begin",
    )
    temperature: float = Field(1.2, ge=0, le=10, description="of the dreams")
    ended: float = Field(0.5, gt=0, lt=1, description="what the memory has to say of the end for a dream to end")
    horizon: int = Field(80, ge=1, le=1_000_000, description="steps of a dream; they begin anywhere in what was played")
    generations: int = Field(40, ge=1, le=100_000, description="generations of a round's search")
    population: int = Field(64, ge=4, le=4096, description="candidates of a generation")
    rollouts: int = Field(32, ge=1, le=4096, description="dreams that each candidate is judged by")
    sigma: float = Field(0.05, gt=0, le=100, description="step size that each search begins with")
    draws: bool = Field(
        True, description="outside, the agent sees a draw from the posterior of each frame; false: its mean"
    )
    cell: bool = Field(False, description="the controller knows the cell of the memory's LSTM beside its output")

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that no setting is for something that is not there."""
        for name in ("spread", "explore"):
            if name in self.model_fields_set and not self.strays:
                yield (name,), f"{name} is of those who stray, and there are none; leave it out, or strays: 0"
        for name in ("updates", "batch", "recent"):
            if name in self.model_fields_set and self.rounds == 1:
                yield (name,), f"{name} is of what the memory learns between rounds; give more rounds, or leave it out"

    def gives_roles(self, registry: Registry) -> frozenset[str]:
        """An agent acts."""
        return frozenset({"acts"})


def run(arguments: Arguments, context: StepContext) -> TrainedModel:
    """Return the agent of the round whose looks earned most, with that round's memory."""
    from gdl_core.data.dataset import fingerprint
    from gdl_world import rounds

    data = _checked(arguments)
    memory, agent, known = arguments.memory, arguments.begin, [data]
    found: list[tuple[TrainedModel, rounds.Outcome]] = []
    settings = arguments.model_dump(exclude={"env", "vision", "memory", "data", "begin", "rounds"})
    key = fingerprint(
        settings, arguments.env.described, arguments.vision.fingerprint, memory.fingerprint, data.fingerprint,
        "" if agent is None else agent.fingerprint, context.noise.key_seed,
    )  # fmt: skip
    for number in range(arguments.rounds):
        context.check_cancelled()
        here = _here(context, number, arguments.rounds)
        done = rounds.kept(key, here.folder, arguments.vision)
        if done is None:
            done = _round(arguments, memory, agent, known, context, here)
            rounds.keep(*done, key, here.folder)
        agent, outcome = done
        memory = _memory_of(agent, arguments.memory)
        # What the round has played is there already, and only read here.
        known.append(_play(arguments, agent, outcome.sigma, data, here.part("played"))[0])
        key = fingerprint(key, agent.fingerprint)
        context.progress(number + 1, arguments.rounds, dreamt=outcome.dreamt, earned=outcome.earned)
        found.append(done)
    best = max(range(len(found)), key=lambda number: (found[number][1].earned, -number))
    agent, outcome = found[best]
    context.note(
        f"iterate: the agent of round {best + 1} of {arguments.rounds} is kept, whose looks in {arguments.env.name} "
        f"earned most: {outcome.earned:.4g} over {arguments.looks} episodes, which are no score"
    )
    rows = tuple((number + 1, *(getattr(one, name) for name in _COLUMNS[1:])) for number, (_, one) in enumerate(found))
    return replace(agent, history=Table(_COLUMNS, rows, "what was dreamt and what was earned, round by round"))


def _checked(arguments: Arguments) -> Sequences:
    """Return the sequences, if all that is given fits together.

    Raises:
        DataError: it does not.
    """
    from gdl_world.agent import Agent
    from gdl_world.memory import Memory
    from gdl_world.sequences import Sequences
    from gdl_world.vision import Vision

    env, data, begin = arguments.env, arguments.data, arguments.begin
    if env.dream is not None:
        raise DataError("iterate needs a real environment; it makes its dreams itself")
    if not isinstance(data, Sequences):
        raise DataError("data needs the sequences that the memory was trained on: do: sequences")
    vision = is_a(arguments.vision, Vision, "world/vision")
    memory = is_a(arguments.memory, Memory, "world/memory")
    need_fit("the vision and the environment", tuple(vision.data_shape), tuple(env.shape))
    need_fit("the actions of the sequences and of the environment", data.about["actions"], env.described["actions"])
    need_fit("the sequences and the vision", data.vision[:12], arguments.vision.fingerprint[:12])
    seen = (memory.config.latent, memory.config.actions)
    need_fit("the memory and the sequences", seen, (data.latent, data.actions))
    if begin is not None:
        agent = is_a(begin, Agent, "that evolve made")
        need_agent(agent, env)
        need_vision(agent, vision)
        knows = agent.memory is not None and (agent.config.cell, agent.memory.config.hidden)
        if knows != (arguments.cell, memory.config.hidden):
            told = f"{memory.config.hidden} numbers of a memory" + (" and its cell" if arguments.cell else "")
            raise DataError(f"the agent of 'from' should know {told} beside what it sees, and does not; see cell")
    return data


def _round(
    arguments: Arguments,
    memory: TrainedModel,
    begin: TrainedModel | None,
    known: list[Sequences],
    context: StepContext,
    here: Surroundings,
) -> tuple[TrainedModel, Outcome]:
    from gdl_world.rounds import Outcome, learned, mixed

    surprise: float | None = None
    if len(known) > 1:
        memory = learned(memory, known, arguments.recent, arguments.updates, arguments.batch, here.part("memory"))
        surprise = _last(memory, "held_out_nll")
    agent = _dream(arguments, memory, begin, mixed(known, arguments.recent), context, here.part("search"))
    sigma = _last(agent, "step_size")
    _, earned, strayed = _play(arguments, agent, sigma, known[0], here.part("played"))
    mean, deviation = _mean_and_deviation(earned)
    stray = sum(strayed) / len(strayed) if strayed else None
    return agent, Outcome(surprise, _last(agent, "mean"), sigma, mean, deviation, stray)


def _here(context: StepContext, number: int, rounds: int) -> Surroundings:
    from gdl_world.rounds import Surroundings

    def progress(done: int, total: int, **numbers: float) -> None:
        context.progress(number, rounds, **numbers)

    return Surroundings(
        context.folder / f"round-{number + 1:04d}", context.noise.stream("round", number), context.device,
        progress, context.cancelled, context.check_cancelled, context.note,
    )  # fmt: skip


def _memory_of(agent: TrainedModel, like: TrainedModel) -> TrainedModel:
    """Return an agent's memory as a value, like another one."""
    from gdl_core.latent.fingerprint import fingerprint
    from gdl_world.agent import Agent

    memory = is_a(agent, Agent, "that evolve made").memory
    assert memory is not None
    config = memory.config.model_dump(mode="json")
    return replace(like, model=memory, config=config, fingerprint=fingerprint(memory, config))


def _dream(
    arguments: Arguments,
    memory: TrainedModel,
    begin: TrainedModel | None,
    starts: Sequences,
    context: StepContext,
    here: Surroundings,
) -> TrainedModel:
    """Return what evolved in the memory's dream."""
    from gdl_core.training.distributed import Ranks
    from gdl_world.steps import dream, evolve

    inner = replace(context, noise=here.noise, folder=here.folder, progress=here.progress, notes=[])
    asked = dream.Arguments(
        vision=arguments.vision, memory=memory, starts=starts,
        temperature=arguments.temperature, ended=arguments.ended, cap=arguments.horizon,
    )  # fmt: skip
    search: dict[str, Any] = {
        "env": dream.run(asked, inner), "vision": arguments.vision, "memory": memory, "cell": arguments.cell,
        "draws": arguments.draws, "generations": arguments.generations, "population": arguments.population,
        "rollouts": arguments.rollouts, "sigma": arguments.sigma, "from": begin,
    }  # fmt: skip
    return evolve.search(evolve.Arguments.model_validate(search), inner, Ranks())


def _play(
    arguments: Arguments, agent: TrainedModel, sigma: float, like: Sequences, here: Surroundings
) -> tuple[Sequences, list[float], list[float]]:
    """Return what was played, what the agent earned, and what those earned who strayed from it."""
    from gdl_world.agent import Agent
    from gdl_world.baselines import Exploring
    from gdl_world.play import AgentPolicy, Around
    from gdl_world.rounds import played
    from gdl_world.sequences import joined

    env, length, model = arguments.env, like.data.shape[1], is_a(agent, Agent, "that evolve made")
    who, spread = agent.fingerprint, arguments.spread * sigma
    seen, earned = played(
        env, arguments.vision, AgentPolicy(model), who, arguments.looks, length, here.part("looks")
    )  # fmt: skip
    if not arguments.strays:
        return seen, earned, []
    others = Exploring(Around(model, spread), env, arguments.explore)
    who = f"{who} {spread} {arguments.explore}"
    more, strayed = played(env, arguments.vision, others, who, arguments.strays, length, here.part("strays"))
    return joined([seen, more], [1, 1]), earned, strayed


def _last(trained: TrainedModel, name: str) -> float:
    return float(str(trained.history.column(name)[-1]))


def _mean_and_deviation(numbers: list[float]) -> tuple[float, float]:
    import numpy as np

    return float(np.mean(numbers)), float(np.std(numbers, ddof=1))
