"""The kinds of input that the steps of a world share. No torch at import."""

from __future__ import annotations

from typing import Annotated, Any

from gdl_core.arguments import Accepts
from gdl_core.values import TrainedModel

EnvironmentInput = Annotated[Any, Accepts("environment")]
EpisodesInput = Annotated[Any, Accepts("episodes")]
VisionModel = Annotated[TrainedModel, Accepts("model", roles=("encodes", "decodes"))]
MemoryModel = Annotated[TrainedModel, Accepts("model", roles=("predicts",))]
AgentModel = Annotated[TrainedModel, Accepts("model", roles=("acts",))]
