"""World models (Ha & Schmidhuber 2018): collect, see, remember, dream, evolve, and prove it outside the dream."""

from __future__ import annotations

from collections.abc import Iterable

from gdl_core import FormatSpec, MeasureSpec, ModelSpec, RecipeSpec, StepSpec, hookimpl
from gdl_core.specs import Kind

GDL_API = 1

_SOURCE = "Ha & Schmidhuber 2018, arXiv:1803.10122"
_STEPS: tuple[tuple[str, Kind, str], ...] = (
    ("env", "environment", "An environment to play in."),
    ("rollouts", "episodes", "Play episodes and keep what was seen and done."),
    ("minari", "episodes", "Episodes from a Minari dataset, to be learned from like our own."),
    ("sequences", "dataset", "Episodes as a memory learns them: numbers, actions, rewards, ends."),
    ("dream", "environment", "What a memory expects, as an environment to play in."),
    ("curious", "environment", "An environment whose reward is what a memory does not know yet."),
    ("evolve", "model", "Search for a controller by evolution, in a dream or for real."),
    ("iterate", "model", "Rounds of dreaming and waking: a memory learns from what its dream got wrong."),
    ("part", "model", "The vision or the memory of an agent, as a model of its own."),
    ("choose", "model", "The agent that earns most in a few declared real episodes, which are no score."),
    ("film", "frames", "An episode as it is, as V sees it, and as M dreams it, with rewards and M's surprise."),
    ("temperatures", "frames", "The same dream at several temperatures."),
    ("tweak", "figure", "What each number of a vision moves: frames with one changed at a time, and a table."),
    ("coverage", "table", "How much of a world players have seen in equally many steps."),
    ("score", "table", "What agents earn in the real environment, beside random, still and blind players."),
)

_RECIPES = (
    ("dodge", "Learn a small world, evolve a player inside its dream, score it outside; about three minutes."),
    ("car-racing", "CarRacing: V, M and a driver that evolves on the track, scored by 100 official laps; two hours."),
    ("car-dream", "CarRacing: a driver found in dreams alone, in rounds, scored by 100 official laps; an hour."),
    ("curious", "Players that evolve by surprise or by disagreement, and what a flickering screen does to them."),
    ("doom-dream", "Doom's Take Cover learned by random play; players evolve in the dream of it; 90 minutes."),
)

_TOGETHER = {"evolve"}  # that several processes do together

# raised when the same words come to mean something else: old results are not taken for new ones
_VERSIONS = {
    "env": 4, "rollouts": 2, "evolve": 3, "iterate": 2, "sequences": 2, "score": 2, "choose": 2, "film": 2,
    "temperatures": 2,
}  # fmt: skip


@hookimpl
def gdl_models() -> Iterable[ModelSpec]:
    """Offer V, M, and the agent that both and a controller make."""
    yield ModelSpec(
        "vision",
        "V: puts each frame of an environment into a few numbers.",
        target="gdl_world.vision:Vision",
        config="gdl_world.config:VisionConfig",
        roles=("trains", "samples", "encodes", "decodes"),
        source=_SOURCE,
    )
    yield ModelSpec(
        "memory",
        "M: tells how the numbers go on when something is done, with the reward and the end.",
        target="gdl_world.memory:Memory",
        config="gdl_world.config:MemoryConfig",
        roles=("trains", "predicts"),
        source=_SOURCE,
    )
    yield ModelSpec(
        "agent",
        "V, M and a linear controller in one; the step evolve makes it.",
        target="gdl_world.agent:Agent",
        config="gdl_world.config:AgentConfig",
        roles=("acts",),
        source=_SOURCE,
    )


@hookimpl
def gdl_steps() -> Iterable[StepSpec]:
    """Offer the steps; each has a file of its name in `gdl_world/steps`."""
    for name, gives, summary in _STEPS:
        home = f"gdl_world.steps.{name}"
        yield StepSpec(
            name,
            summary,
            target=f"{home}:run",
            arguments=f"{home}:Arguments",
            gives=gives,
            version=_VERSIONS.get(name, 1),
            together=name in _TOGETHER,
        )


@hookimpl
def gdl_formats() -> Iterable[FormatSpec]:
    """Offer what episodes are exchanged in."""
    home = "gdl_world.minari_files"
    yield FormatSpec(
        "minari", "Episodes as a Minari dataset, zipped.", (".zip",), ("episodes",), f"{home}:write",
        extra="minari", verify=f"{home}:verify",
    )  # fmt: skip


@hookimpl
def gdl_measures() -> Iterable[MeasureSpec]:
    """Offer the measure of what a memory foresees."""
    yield MeasureSpec(
        "foresight",
        "What a world's memory expects of held-out episodes, beside copying, and beside not being told what is done.",
        target="gdl_world.foresight:measure",
        roles=("predicts",),
    )


@hookimpl
def gdl_recipes() -> Iterable[RecipeSpec]:
    """Offer the recipes from a first dream to the paper's; each is a file of its name in `gdl_world/recipes`."""
    for name, summary in _RECIPES:
        yield RecipeSpec(name, summary, resource=f"gdl_world:recipes/{name}.yaml")
