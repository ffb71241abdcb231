"""`rollouts`: play episodes and keep what was seen and done. Broken off and run again, it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator

from gdl_core.arguments import Accepts, StepArguments
from gdl_world.fit import is_a
from gdl_world.steps.inputs import EnvironmentInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gdl_core.data.episodes import Episodes
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `rollouts`."""

    env: EnvironmentInput = Field(description="the environment")
    policy: Literal["random", "still", "sweep"] | Annotated[Any, Accepts("model", roles=("acts",))] = Field(
        "random", description="who plays: random, still, sweep, or an agent"
    )
    episodes: int = Field(
        100,
        ge=1,
        le=1_000_000,
        description="how many episodes, at most where steps are given; then any number if left out",
    )
    steps: int | None = Field(
        None, ge=1, le=1_000_000_000, description="steps after which no further episode is begun; left out: no bound"
    )
    explore: float = Field(
        0.0, ge=0, le=1, description="share of the steps at which an agent does something at random instead"
    )
    hold: tuple[int, int] | None = Field(
        None,
        description="least and most steps for which what is done at random is held; left out: the environment's own, "
        "short ones. One who holds longer gets further",
    )
    held_out: float = Field(0.1, ge=0, lt=1, description="share of the episodes that is held out")
    first: Annotated[Any, Accepts("episodes")] | None = Field(
        None, description="episodes of the same environment that these are added to"
    )

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that something is done at random, if it is said for how long."""
        if self.hold is not None and self.policy != "random" and not self.explore:
            yield ("hold",), "hold is of what is done at random; say policy: random, or explore: 0.1, or leave it out"

    @field_validator("hold")
    @classmethod
    def _from_to(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and not 1 <= value[0] <= value[1] <= 1_000_000:
            raise ValueError("should be two numbers of steps, the least and the most, like [1, 30]")
        return value


def run(arguments: Arguments, context: StepContext) -> Episodes:
    """Return the episodes; those that are new have seeds of this step."""
    from dataclasses import replace

    from gdl_core.data.dataset import fingerprint
    from gdl_core.data.split import split
    from gdl_core.errors import DataError
    from gdl_world.agent import Agent
    from gdl_world.baselines import Exploring, baseline
    from gdl_world.collect import collect, copy
    from gdl_world.environment import Environment
    from gdl_world.fit import need_agent, need_fit
    from gdl_world.play import AgentPolicy
    from gdl_world.store import Store

    env = arguments.env
    assert isinstance(env, Environment)
    if env.dream is not None:
        raise DataError("rollouts needs a real environment; what is seen in a dream are points, not frames")
    if arguments.hold is not None:
        env = replace(env, hold=arguments.hold)
    if isinstance(arguments.policy, str):
        policy: Any = baseline(arguments.policy, env, period=env.periods[0])
        played = arguments.policy
    else:
        agent = is_a(arguments.policy, Agent, "that evolve made")
        need_agent(agent, env)
        policy, played = AgentPolicy(agent), arguments.policy.fingerprint
    if arguments.explore:
        policy = Exploring(policy, env, arguments.explore)
    before = arguments.first
    if before is not None:
        need_fit("the episodes of 'first' and the environment", tuple(before.shape), tuple(env.shape))
        need_fit("the actions of 'first' and of the environment", before.about["actions"], env.described["actions"])
    key = fingerprint(
        "rollouts", env.described, played, arguments.explore, context.noise.key_seed,
        "" if before is None else before.fingerprint, arguments.steps, arguments.hold,
    )  # fmt: skip
    store = Store(context.folder / "episodes", env.shape, env.actions.numbers, key, env.described)
    if before is not None:
        copy(before, store, context.check_cancelled)
    given = arguments.steps is None or "episodes" in arguments.model_fields_set
    most = arguments.episodes if given else 1_000_000
    already = 0 if before is None else len(before.seeds)
    enough = None
    if arguments.steps is not None:
        enough = arguments.steps + (0 if before is None else len(before))
    collect(
        env, policy, store, already + most, context.noise, context.progress, context.check_cancelled,
        enough,
    )  # fmt: skip
    these = None
    if before is not None:  # what was held out stays so, and a share of what is new is too
        new = split(len(store.episodes) - already, arguments.held_out, context.noise.stream("split"))
        these = [*before.held_out_episodes().tolist(), *(already + new).tolist()]
    found = store.value(f"{env.name} played", context.noise, arguments.held_out, these)
    mine = found.returns[already:]
    context.note(
        f"rollouts: {len(mine)} episodes of {env.name}, {int(found.lengths[already:].sum()):,} steps, "
        f"{mine.mean():.4g} on average ({mine.std():.3g} standard deviation)"
    )
    return found
