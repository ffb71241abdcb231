"""`reconstruct`: what goes through the bottleneck, originals on top, one row for each model.

A model without an encoder shows what it decodes from points that were found for the pictures (`invert`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from gdl_core.arguments import Accepts, StepArguments, makes_of
from gdl_core.specs import Kind
from gdl_core.steps.inputs import DecodingModel, OneOrMore, SamplesInput, roles_of
from gdl_core.steps.shown import SAMPLES, samples_wanted
from gdl_core.values import Latents

if TYPE_CHECKING:
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `reconstruct`."""

    model: Annotated[list[DecodingModel], OneOrMore] = Field(min_length=1, description="a model, or several to compare")
    data: SamplesInput = Field(description="a dataset, samples (pictures, texts) or a file")
    n: int = Field(12, ge=1, le=1000, description="how many samples of a dataset")
    held_out: bool = Field(True, description="from the samples that no model was trained on")
    codes: Annotated[list[Annotated[Latents | Path, Accepts("latent", files=True)]], OneOrMore] = Field(
        [], description="for each model that does not encode, the points of the pictures (do: invert), in their order"
    )

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that each model encodes or has codes, and that the codes are of pictures that are named."""
        lacking = [model for model in self.model if "encodes" not in roles_of(model)]
        if lacking and not self.codes:
            yield ("model",), "this model does not encode; give its points of the pictures as 'codes' (do: invert)"
        elif len(self.codes) != len(lacking):
            told = f"there are {len(self.codes)} of them for {len(lacking)} such models"
            yield ("codes",), f"'codes' are for models that do not encode, one for each; {told}"
        if self.codes and getattr(self.data, "kind", "") == "dataset":
            yield ("data",), "'codes' belong to pictures; give the pictures that were inverted (do: pick) as 'data'"
        if not lacking and (message := samples_wanted(self.model, [self.data])):
            yield ("data",), message

    def gives_kind(self, registry: Registry, kind: Kind) -> Kind | None:
        """Samples are of the model's kind."""
        return makes_of(self.model)


def run(arguments: Arguments, context: StepContext) -> Any:
    """Return originals and, under them, what each model makes of their posterior means, or of their codes."""
    from gdl_core.errors import DataError
    from gdl_core.forms import need_same_form
    from gdl_core.latent.tiles import decode_rows, encode_rows
    from gdl_core.steps.inputs import as_samples, latent_points, load, model_names, ready, same_shape, some_rows
    from gdl_core.steps.shown import beside, form_of, need_form, show

    models = arguments.model
    same_shape(models)
    need_form(models[0], "reconstruct")
    ready(models, context)
    data = load(arguments.data, context, *SAMPLES)
    if data.kind in SAMPLES:
        x = as_samples(models[0], data)
    else:
        need_same_form(models[0].model.form, data.form, "the model and the dataset")
        there = len(data.where(held_out=arguments.held_out))
        if there < arguments.n:
            context.note(f"{data.name} has only {there} of the {arguments.n} samples asked for")
        x = data.tensor(some_rows(data, max(1, min(arguments.n, there)), context, arguments.held_out))
    codes = iter(arguments.codes)
    rows = [show(models[0], x)]
    for trained in models:
        encodes = "encodes" in trained.model.roles()
        z = encode_rows(trained, x).mean if encodes else latent_points(trained, next(codes), context)
        if len(z) != len(x):
            raise DataError(f"reconstruct: {len(z)} codes for {len(x)} samples; give the pictures that were inverted")
        rows.append(show(trained, decode_rows(trained, z)))
    return beside(form_of(models[0]), rows, ("original", *model_names(models)))
