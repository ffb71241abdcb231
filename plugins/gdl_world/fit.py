"""Whether what a step is given is what it needs, and fits together. No torch at import."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from gdl_core.errors import DataError
from gdl_core.values import TrainedModel

if TYPE_CHECKING:
    from gdl_core.contracts import Model
    from gdl_world.agent import Agent
    from gdl_world.dream import Dream
    from gdl_world.environment import Actions, Environment

Kind = TypeVar("Kind", bound="Model")


def is_a(trained: TrainedModel, kind: type[Kind], wanted: str) -> Kind:
    """Return the model of a value, in eval mode and on the CPU, if it is of the wanted kind.

    Raises:
        DataError: it is another model.
    """
    if not isinstance(trained.model, kind):
        raise DataError(f"a model {wanted} is needed here, but {trained.name} was given")
    trained.model.cpu().eval()  # a step before may have left it on a GPU
    return trained.model


def need_agent(agent: Agent, env: Environment) -> None:
    """Raise DataError if an agent does not see or do what there is to be seen or done in an environment."""
    need_fit("the agent and the environment", tuple(agent.data_shape), tuple(env.shape))
    need_fit("the agent's actions and those of the environment", _can(agent.actions), _can(env.actions))


def need_dream(agent: Agent, dream: Dream) -> None:
    """Raise DataError if an agent cannot play in a dream: it knows other points, or remembers otherwise."""
    need_fit("the agent and the dream", agent.vision.latent_shape, dream.vision.latent_shape)
    need_fit("the agent's actions and those of the dream", _can(agent.actions), _can(dream.actions))
    if agent.memory is not None:
        need_fit("the memories of agent and dream", agent.memory.config.hidden, dream.memory.config.hidden)
    pairs = {"visions": (agent.vision, dream.vision), "memories": (agent.memory, dream.memory)}
    for name, (mine, its) in pairs.items():
        if mine is not None and not _alike(mine, its):
            raise DataError(f"agent and dream have {name} of other weights; take both from the same steps")


def need_vision(begin: Agent, vision: Model) -> None:
    """Raise DataError if the controller of an agent that a search begins with knows the numbers of another V."""
    if begin.vision.config != vision.config or not _alike(begin.vision, vision):
        raise DataError("the agent of 'from' sees by a vision of other weights; give the vision that it was found with")


def _alike(one: Model, other: Model) -> bool:
    """Return whether two models of one shape have the same weights, to the last bit."""
    mine, its = one.state_dict(), other.state_dict()
    return mine.keys() == its.keys() and all(bool((mine[name].cpu() == its[name].cpu()).all()) for name in mine)


def _can(actions: Actions) -> str:
    return f"{actions.choices} choices" if actions.choices else f"{actions.numbers} numbers"


def need_fit(what: str, given: object, wanted: object) -> None:
    """Raise DataError if two things that should be the same are not."""
    if given != wanted:
        raise DataError(f"{what} do not fit: {given} and {wanted}; take both from the same environment")
