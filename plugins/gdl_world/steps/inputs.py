"""The kinds of input that the steps of a world share. No torch at import."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Annotated, Any

from gdl_core.arguments import Accepts
from gdl_core.errors import did_you_mean
from gdl_core.values import TrainedModel

EnvironmentInput = Annotated[Any, Accepts("environment")]
EpisodesInput = Annotated[Any, Accepts("episodes")]
VisionModel = Annotated[TrainedModel, Accepts("model", roles=("encodes", "decodes"))]
MemoryModel = Annotated[TrainedModel, Accepts("model", roles=("predicts",))]
AgentModel = Annotated[TrainedModel, Accepts("model", roles=("acts",))]


def dreams_of_nobody(dreams: Iterable[str], agents: Collection[str]) -> Iterable[tuple[tuple[str, str], str]]:
    """Yield the faults of dreams that are named after no agent, as `StepArguments.faults` does."""
    for name in dreams:
        if name not in agents:
            yield ("dreams", name), f"no agent is called '{name}'{did_you_mean(name, agents)}"
