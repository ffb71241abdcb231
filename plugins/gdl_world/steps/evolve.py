"""`evolve`: search for a controller by evolution, in a dream or in the real environment. Broken off, it goes on."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from gdl_core.arguments import Accepts, StepArguments
from gdl_core.errors import DataError
from gdl_core.values import TrainedModel
from gdl_world.fit import is_a, need_agent, need_fit, need_vision
from gdl_world.steps.inputs import AgentModel, EnvironmentInput, MemoryModel, VisionModel

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext
    from gdl_core.training.distributed import Ranks
    from gdl_world.agent import Agent
    from gdl_world.dream import Dream
    from gdl_world.environment import Environment
    from gdl_world.stage import Stage


_BEGUN = "begun"  # folder of what a search begins with
_PARTS = ("shift", "scale", "parameters_of_controller")
_MEETINGS = 2  # episodes of each random controller, by which numbers get their units


class Arguments(StepArguments):
    """Arguments of `evolve`."""

    env: EnvironmentInput = Field(description="a dream, or a real environment")
    vision: VisionModel = Field(description="the world/vision that the agent sees by")
    memory: MemoryModel | None = Field(None, description="its world/memory; left out: it knows what it sees, no more")
    generations: int = Field(60, ge=1, le=100_000, description="generations")
    population: int = Field(64, ge=4, le=4096, description="candidates of a generation")
    rollouts: int = Field(16, ge=1, le=4096, description="episodes that each candidate is judged by")
    horizon: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="steps after which its episodes are cut off; left out: the environment's",
    )
    sigma: float = Field(0.1, gt=0, le=100, description="step size that the search begins with")
    covariance: Literal["full", "diagonal"] = Field(
        "diagonal", description="what is learned of the search's directions"
    )
    weight_decay: float = Field(0.01, ge=0, le=1000, description="how much large parameters are charged for")
    cell: bool = Field(
        True, description="the controller knows the cell of the memory's LSTM beside its output: twice the parameters"
    )
    begin: AgentModel | None = Field(
        None,
        alias="from",
        description="an agent that does the same by the same numbers: the search begins at its controller",
    )
    standard: bool = Field(
        True, description="the controller knows each number less its mean, over its deviation, as random ones meet it"
    )
    draws: bool = Field(
        True,
        description="the agent sees a draw from the posterior of each frame, as the memory learned; false: its mean, "
        "outside of dreams: no doubt shakes its hand",
    )
    precision: Literal["fp32", "bf16"] = Field("fp32", description="arithmetic of a dream's memory")
    watch: Annotated[Any, Accepts("environment")] | None = Field(
        None, description="the real environment: the mean plays a few episodes there, and the best one is kept"
    )
    watch_every: int = Field(10, ge=1, le=100_000, description="generations from one look to the next")
    watch_episodes: int = Field(16, ge=1, le=4096, description="real episodes of a look, the same each time")
    patience: int = Field(0, ge=0, le=100_000, description="looks without a better one that end it; 0: to the end")

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that no setting is for something that is not there."""
        for name in ("patience", "watch_every", "watch_episodes"):
            if name in self.model_fields_set and self.watch is None and getattr(self, name):
                yield (name,), f"{name} is of looks at a real environment; give watch: $env, or leave it out"
        if "cell" in self.model_fields_set and self.cell and self.memory is None:
            yield ("cell",), "cell is of a memory; give memory: $memory, or leave it out"

    def gives_roles(self, registry: Registry) -> frozenset[str]:
        """An agent acts."""
        return frozenset({"acts"})


def run(arguments: Arguments, context: StepContext) -> TrainedModel:
    """Return the agent whose controller is the mean of the last generation's distribution."""
    from gdl_core.training.distributed import here

    return search(arguments, context, here())


def search(arguments: Arguments, context: StepContext, ranks: Ranks) -> TrainedModel:
    """Return that agent, found by so many processes together."""
    import torch

    from gdl_core.latent.fingerprint import fingerprint
    from gdl_core.training.build import choose_device
    from gdl_core.training.distributed import as_first
    from gdl_core.training.evolve import EvolutionConfig, evolve
    from gdl_world.agent import Agent
    from gdl_world.dream import moved
    from gdl_world.play import episode_seeds
    from gdl_world.stage import Stage
    from gdl_world.standard import standardise

    env = _within(arguments.env, arguments.horizon)
    agent = _agent(arguments, env)
    settings = EvolutionConfig(
        generations=arguments.generations,
        population=arguments.population,
        sigma=arguments.sigma,
        covariance=arguments.covariance,
        weight_decay=arguments.weight_decay,
        watch_every=arguments.watch_every,
        patience=arguments.patience,
    )
    key = (
        f"evolve {env.described} {arguments.vision.fingerprint} "
        f"{arguments.memory.fingerprint if arguments.memory else ''} {settings.model_dump_json()} "
        f"{arguments.rollouts} {arguments.precision} {context.noise.key_seed} {arguments.standard} "
        f"{arguments.cell} {arguments.draws} {arguments.begin.fingerprint if arguments.begin else ''} "
        f"{arguments.watch.described if arguments.watch else ''} {arguments.watch_episodes}"
    )
    device = choose_device(context.device)
    device = device if device.type == "cuda" else torch.device("cpu")  # returns are added up in float64
    agent.to(device)
    dream = None if env.dream is None else moved(env.dream, device)
    if ranks.rank == 0 and not _begun(agent, context.folder / _BEGUN, key):
        if arguments.standard:
            noise = context.noise.stream("standard")
            seeds = episode_seeds(noise, 0, _MEETINGS)
            standardise(agent, dream or env, arguments.sigma, seeds, noise.stream("weights"), context.check_cancelled)
        if arguments.begin is not None:
            agent.begin_as(is_a(arguments.begin, Agent, "that evolve made").to(device))
        _keep_begun(agent, context.folder / _BEGUN, key)
    for name in _PARTS:
        getattr(agent, name).copy_(as_first(getattr(agent, name), ranks))
    begin = agent.parameters_of_controller.double().cpu().numpy()
    try:
        with closing(Stage(env)) as stage, closing(Stage(arguments.watch or env)) as place:
            evaluate = _judge(arguments, stage, agent, dream, context)
            watch = None if arguments.watch is None else _watch(arguments, place, agent, context)
            found = evolve(
                evaluate, begin, settings, context.folder, context.noise,
                context.progress, context.cancelled, key, watch, ranks,
            )  # fmt: skip
    finally:
        agent.cpu()
        if dream is not None:
            moved(dream, "cpu")
    agent.parameters_of_controller.copy_(torch.from_numpy(found.mean))
    last: Any = found.history.rows[-1]
    if arguments.watch is not None:
        best = max(float(str(row[-1])) for row in found.history.rows if row[-1] is not None)
        context.note(
            f"evolve: the mean of generation {found.generation} is kept, the best of those that were looked at in "
            f"{arguments.watch.name}: {best:.4g} over {arguments.watch_episodes} episodes, which are no score"
        )
    resumed = f", gone on from generation {found.resumed_from}" if found.resumed_from else ""
    context.note(
        f"evolve: {found.generations} generations of {arguments.population} candidates, {arguments.rollouts} episodes "
        f"each, in {found.seconds:.0f} s in {env.name}{resumed}; the last earned {last[1]:.4g} on average"
    )
    described = agent.config.model_dump(mode="json")
    return TrainedModel(
        model=agent,
        name="world/agent",
        version=arguments.vision.version,
        config=described,
        data_shape=tuple(agent.data_shape),
        tile=arguments.vision.tile,
        fingerprint=fingerprint(agent, described),
        data={"name": env.name, "fingerprint": arguments.vision.data.get("fingerprint", ""), "columns": {}},
        history=found.history,
        training={"seed": context.noise.seed, "generations": found.generations, "environment": dict(env.described)},
    )


def _agent(arguments: Arguments, env: Environment) -> Agent:
    from gdl_world.agent import Agent
    from gdl_world.config import AgentConfig
    from gdl_world.memory import Memory
    from gdl_world.vision import Vision

    vision = is_a(arguments.vision, Vision, "world/vision")
    if env.dream is None:
        need_fit("the vision and the environment", tuple(vision.data_shape), tuple(env.shape))
    else:
        need_fit("the vision and the dream's", arguments.vision.fingerprint[:12], env.about["vision"][:12])
    if arguments.begin is not None:
        need_vision(is_a(arguments.begin, Agent, "that evolve made"), vision)
    memory = None if arguments.memory is None else is_a(arguments.memory, Memory, "world/memory")
    config = AgentConfig(
        vision=vision.config.model_dump(mode="json"),
        memory=None if memory is None else memory.config.model_dump(mode="json"),
        sequence=(1, 1) if memory is None else tuple(memory.data_shape),
        cell=arguments.cell,
        draws=arguments.draws,
        choices=env.actions.choices,
        numbers=env.actions.numbers,
    )
    agent = Agent(config, tuple(vision.data_shape))
    agent.vision.load_state_dict(vision.state_dict())
    if memory is not None and agent.memory is not None:
        need_fit("vision and memory", vision.latent_shape, memory.latent_shape)
        need_fit("the memory's actions and those of the environment", memory.config.actions, env.actions.width)
        if env.dream is not None and arguments.memory is not None:
            need_fit("the memory and the dream's", arguments.memory.fingerprint[:12], env.about["memory"][:12])
        agent.memory.load_state_dict(memory.state_dict())
    return agent.eval()


def _begun(agent: Agent, folder: Path, key: str) -> bool:
    """Give an agent the units and the controller that its search began with, if there was one: found again on another
    device they would be others by a bit.
    """
    from gdl_core.training import checkpoint

    found, _ = checkpoint.load_newest(folder, key)
    if found is None:
        return False
    for name in _PARTS:
        getattr(agent, name).copy_(found.tensors[name])
    return True


def _keep_begun(agent: Agent, folder: Path, key: str) -> None:
    from gdl_core.training import checkpoint

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: getattr(agent, name).cpu().clone() for name in _PARTS}
    checkpoint.save(folder, key, checkpoint.Checkpoint(1, tensors, {}))


def _within(env: Environment, horizon: int | None) -> Environment:
    """Return an environment, real or dreamt, whose episodes are no longer than that."""
    cap = env.cap if horizon is None else min(env.cap, horizon)
    return replace(env, cap=cap, dream=None if env.dream is None else replace(env.dream, cap=cap))


def _judge(arguments: Arguments, stage: Stage, agent: Agent, dream: Dream | None, context: StepContext) -> Any:
    """Return what evaluates candidates: each generation has seeds of its own, the same for all its candidates."""
    import numpy as np
    import torch

    from gdl_world.play import dream_returns, episode_seeds

    precision = torch.bfloat16 if arguments.precision == "bf16" else torch.float32

    def judge(candidates: NDArray[np.float64], generation: int) -> NDArray[np.float64]:
        parameters = torch.from_numpy(candidates).float().to(agent.device)
        seeds = episode_seeds(context.noise.stream("episodes"), generation * arguments.rollouts, arguments.rollouts)
        if dream is not None:
            earned, _ = dream_returns(
                agent, parameters, dream, torch.tensor(seeds), context.check_cancelled, precision=precision
            )
            return np.asarray(earned.mean(1).numpy())
        return np.asarray(stage.returns(agent, parameters, seeds, context.check_cancelled).mean(1))

    return judge


def _watch(arguments: Arguments, place: Stage, agent: Agent, context: StepContext) -> Any:
    """Return what looks at a mean in the real environment, on the same few episodes each time."""
    import torch

    from gdl_world.play import episode_seeds

    if place.env.dream is not None:
        raise DataError("watch needs a real environment; what is earned in a dream is what evolves already")
    need_agent(agent, place.env)
    seeds = episode_seeds(context.noise.stream("watch"), 0, arguments.watch_episodes)

    def watch(mean: NDArray[np.float64], generation: int) -> float:
        parameters = torch.from_numpy(mean).float()[None].to(agent.device)
        return float(place.returns(agent, parameters, seeds, context.check_cancelled).mean())

    return watch
