"""`gpt2`: a GPT-2 of yours, from a folder in the layout of Hugging Face, as a model of this plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from gdl_core.arguments import StepArguments
from gdl_core.config import InputPath
from gdl_core.specs import Kind
from gdl_core.values import TrainedModel

if TYPE_CHECKING:
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `gpt2`."""

    path: InputPath = Field(description="folder with config.json, model.safetensors and tokenizer.json")

    def gives_roles(self, registry: Registry) -> frozenset[str]:
        """It is a text/gpt."""
        return frozenset(registry.find("model", "text/gpt").roles)

    def makes(self, registry: Registry) -> Kind | None:
        """It writes texts."""
        return "text"


def run(arguments: Arguments, context: StepContext) -> TrainedModel:
    """Return the model; its samples are as long as it has positions."""
    from gdl_core.errors import DataError
    from gdl_core.latent.fingerprint import fingerprint
    from gdl_text.gpt2 import read_gpt2

    if not arguments.path.is_dir():
        raise DataError(f"{arguments.path.name} is no folder; a GPT-2 is one with config.json and model.safetensors")
    model = read_gpt2(arguments.path)
    described = model.config.model_dump(mode="json")
    spec = context.registry.find("model", "text/gpt")
    return TrainedModel(
        model=model,
        name=spec.full_name,
        version=context.registry.plugin(spec.plugin).version,
        config=described,
        data_shape=tuple(model.data_shape),
        tile=8,
        fingerprint=fingerprint(model, described),
        data={"name": arguments.path.name, "fingerprint": "", "columns": {}},
        training={"from": "GPT-2"},
    )
