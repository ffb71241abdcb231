"""A small world to test with: a few played episodes of `dodge`, and models of it that have hardly learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from gdl_core.data.episodes import Episodes
from gdl_core.noise import Noise
from gdl_core.recipe.check import check_text
from gdl_core.recipe.execute import run_recipe
from gdl_core.registry import get_registry
from gdl_core.training.build import build_model
from gdl_world.agent import Agent
from gdl_world.baselines import baseline
from gdl_world.collect import collect
from gdl_world.config import AgentConfig, MemoryConfig, VisionConfig
from gdl_world.dream import Dream
from gdl_world.environment import Environment
from gdl_world.envs.catalogue import find
from gdl_world.memory import Memory
from gdl_world.sequences import Sequences, action_vectors, cut
from gdl_world.store import Store
from gdl_world.vision import Vision

LATENT, HIDDEN = 4, 16


def arena(**settings: object) -> Environment:
    """Return `dodge`."""
    entry = find("dodge")
    return entry.build(entry.settings.model_validate({"cap": 60, **settings}))


def never() -> None:
    """Nobody stops it."""


def played(folder: Path, n: int = 12, env: Environment | None = None) -> Episodes:
    """Return episodes of a random player."""
    env = env or arena()
    store = Store(folder, env.shape, env.actions.numbers, "toys", env.described)
    collect(env, baseline("random", env), store, n, Noise(3), lambda *a, **k: None, never)
    return store.value("toys", Noise(3), 0.2)


def vision() -> Vision:
    """Return a vision as it is before training."""
    return build_model(Vision, VisionConfig(latent=LATENT, width=4), arena().shape, Noise(1)).eval()


def sequences(episodes: Episodes, length: int = 8) -> Sequences:
    """Return windows of episodes, with four numbers of a frame that tell where the player is."""
    frames = torch.from_numpy(episodes.data[:].astype("float32")) / 255.0
    mean = 4 * frames[:, 2, 26:30].reshape(-1, 4, 4, 8).mean((1, 3)).numpy()
    return cut(episodes, mean, 0 * mean - 6.0, action_vectors(episodes), length, "toys")


def memory(data: Sequences | None = None, steps: int = 8) -> Memory:
    """Return a memory as it is before training."""
    config = MemoryConfig(hidden=HIDDEN, latent=LATENT, actions=3, lr=5e-3)
    width = 2 * LATENT + 3 + 4
    return build_model(Memory, config, data.shape if data is not None else (steps, width), Noise(2)).eval()


def dream(ended: float = 0.9, cap: int = 12, doubt: float = 1.0) -> Dream:
    """Return a dream of an untrained memory; with more doubt the ends of its episodes come at other times."""
    mean = Noise(5).normal(5, (LATENT,))
    actions, model = arena().actions, memory()
    model.head.weight.data[-1] *= doubt
    return Dream(vision(), model, actions, mean, 0 * mean - 2.0, 1.0, ended, cap)


def agent(remembers: bool = True, cell: bool = True) -> Agent:
    """Return an agent whose controller does what its noise says."""
    one, other = vision(), memory()
    config = AgentConfig(
        vision=one.config.model_dump(),
        memory=other.config.model_dump() if remembers else None,
        sequence=other.data_shape,
        cell=cell,
        choices=3,
    )
    made = Agent(config, one.data_shape)
    made.vision.load_state_dict(one.state_dict())
    if made.memory is not None:
        made.memory.load_state_dict(other.state_dict())
    made.parameters_of_controller.copy_(Noise(6).normal(1, (len(made.parameters_of_controller),))[0])
    return made.eval()


def run_text(text: str, folder: Path, **options: Any) -> Any:
    """Run the text of a recipe on the CPU."""
    registry = get_registry()
    return run_recipe(check_text(text, registry, base=folder.parent), folder, registry, device="cpu", **options)


def recipe_of(**changed: str) -> str:
    """Return a recipe that plays and learns to see, with some of its steps changed or added."""
    lines = {
        "arena": "{do: env, name: dodge, set: {cap: 20}}",
        "play": "{do: rollouts, env: $arena, episodes: 3}",
        "eye": "{do: train, model: vision, data: $play, for: 1 steps, batch: 8, set: {latent: 4, width: 4}}",
        **changed,
    }
    return "gdl: 1\ntitle: t\nseed: 1\nsteps:\n" + "".join(f"  {name}: {step}\n" for name, step in lines.items())
