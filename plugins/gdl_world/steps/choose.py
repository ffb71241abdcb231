"""`choose`: the agent that earns most in a few declared real episodes, of those of several temperatures, say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from gdl_core.arguments import StepArguments
from gdl_core.errors import DataError
from gdl_core.values import TrainedModel
from gdl_world.fit import is_a, need_agent
from gdl_world.steps.inputs import AgentModel, EnvironmentInput, dreams_of_nobody

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext
    from gdl_world.environment import Environment


class Arguments(StepArguments):
    """Arguments of `choose`."""

    env: EnvironmentInput = Field(description="the real environment")
    agents: dict[str, AgentModel] = Field(min_length=1, description="agents by the names that they are told of")
    dreams: dict[str, EnvironmentInput] = Field(
        {}, description="by the same names, the dreams that agents evolved in, for the cheat gauge"
    )
    episodes: int = Field(50, ge=2, le=100_000, description="real episodes that each plays; they are no score")

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that each dream is that of an agent."""
        return dreams_of_nobody(self.dreams, self.agents)

    def gives_roles(self, registry: Registry) -> frozenset[str]:
        """An agent acts."""
        return frozenset({"acts"})


def run(arguments: Arguments, context: StepContext) -> TrainedModel:
    """Return the agent that earned most; all play the same episodes."""
    from gdl_world.agent import Agent
    from gdl_world.gauge import cheat_gauge, earned_in_dream
    from gdl_world.play import AgentPolicy, episode_seeds, played

    env: Environment = arguments.env
    if env.dream is not None:
        raise DataError("choose needs a real environment; in a dream the one that cheats it would be chosen")
    seeds = episode_seeds(context.noise.stream("choose"), 0, arguments.episodes)
    means: dict[str, float] = {}
    for name, trained in arguments.agents.items():
        context.progress(len(means), len(arguments.agents))
        agent = is_a(trained, Agent, "that evolve made")
        need_agent(agent, env)
        earned, _ = played(env, AgentPolicy(agent), seeds, context.check_cancelled)
        means[name] = float(earned.mean())
        told = f"choose: {name} earned {means[name]:.4g} ± {earned.std(ddof=1) / len(earned) ** 0.5:.2g}"
        if name in arguments.dreams:
            dreamt = earned_in_dream(agent, arguments.dreams[name], seeds, context.check_cancelled, env.cap)
            gauge = cheat_gauge(dreamt, means[name])
            told += "; its dreams are no whole episodes" if dreamt is None else f", in its dream {dreamt:.4g}"
            told += "" if gauge is None else f", cheat gauge {gauge:.3g}"
        context.note(told)
    best = max(means, key=lambda name: means[name])
    context.note(f"choose: {best} is taken, by {arguments.episodes} episodes of {env.name}, which are no score")
    return arguments.agents[best]
