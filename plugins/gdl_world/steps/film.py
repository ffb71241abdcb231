"""`film`: an episode as it is, as V sees it, and as M dreams it from the same start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from gdl_core.arguments import StepArguments
from gdl_core.errors import DataError
from gdl_core.values import Frames
from gdl_world.fit import is_a, need_agent, need_dream
from gdl_world.steps.inputs import AgentModel, EnvironmentInput

if TYPE_CHECKING:
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `film`."""

    env: EnvironmentInput = Field(description="the real environment")
    dream: EnvironmentInput = Field(description="the dream of it")
    agent: AgentModel = Field(description="who plays")
    steps: int = Field(400, ge=2, le=10_000, description="steps at most")
    fps: float = Field(20.0, gt=0, le=120, description="frames a second")
    episode: int = Field(0, ge=0, description="which episode of this step's seed")
    loop: bool = Field(True, description="begin again at the end")


def run(arguments: Arguments, context: StepContext) -> Frames:
    """Return the film of one episode, the one asked for and not the best of several."""
    import numpy as np
    import torch

    from gdl_world.agent import Agent
    from gdl_world.dream import moved
    from gdl_world.environment import Environment
    from gdl_world.film import drawn, trace
    from gdl_world.play import AgentPolicy, episode_seeds, play

    env, dream = arguments.env, arguments.dream
    assert isinstance(env, Environment)
    if env.dream is not None or dream.dream is None:
        raise DataError("film needs a real environment as env and a dream as dream")
    agent = is_a(arguments.agent, Agent, "that evolve made")
    need_agent(agent, env)
    need_dream(agent, dream.dream)
    seed = episode_seeds(context.noise.stream("film"), arguments.episode, 1)
    policy, frames, points, actions, earnings = AgentPolicy(agent), [], [], [], []

    def see(times: Any, seen: Any, done: Any, rewards: Any, live: Any) -> None:
        frames.append(np.array(seen[0]))
        points.append(policy.z[:1])
        actions.append(np.array(done[0]))
        earnings.append(float(rewards[0]))

    worlds = env.make(1)
    try:
        earned, steps, ended = play(worlds, policy, seed, min(env.cap, arguments.steps), see, context.check_cancelled)
    finally:
        worlds.close()
    found = trace(
        moved(dream.dream, "cpu"), np.stack(frames), torch.cat(points), torch.from_numpy(np.stack(actions)), seed[0]
    )
    context.note(
        f"film: {int(steps[0])} steps, {earned[0]:.4g} earned, {'ended' if ended[0] else 'cut off'}; "
        f"the dream of the same actions lasted {found.dream_steps}"
    )
    told = [env.actions.told(action) for action in actions]
    return Frames(drawn(found, told, earnings), arguments.fps, arguments.loop)
