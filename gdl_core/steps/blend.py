"""`blend`: arithmetic with samples and directions: a face, plus a smile, plus twice a smile."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from gdl_core.arguments import Accepts, StepArguments, makes_of
from gdl_core.specs import Kind
from gdl_core.steps.inputs import DecodingModel
from gdl_core.steps.shown import SAMPLES, samples_wanted
from gdl_core.values import Vector

if TYPE_CHECKING:
    from torch import Tensor

    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext

Term = Annotated[Any, Accepts(*SAMPLES, "latent", "vector", files=True)]


class Arguments(StepArguments):
    """Arguments of `blend`."""

    model: DecodingModel = Field(description="a model that decodes, and encodes where samples are given")
    of: list[Term] = Field(min_length=1, description="samples, latent points, directions, or files of them")
    weights: list[list[float]] = Field(
        min_length=1, description="for each sample to make, a weight for each of the terms, like [[1, 0], [1, 2]]"
    )

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that there is a weight for each term, and that samples can be encoded."""
        if message := samples_wanted(self.model, self.of):
            yield ("model",), message
        for index, row in enumerate(self.weights):
            if len(row) != len(self.of):
                yield ("weights", index), f"weights[{index}] has {len(row)} numbers for {len(self.of)} terms"

    def gives_kind(self, registry: Registry, kind: Kind) -> Kind | None:
        """Samples are of the model's kind."""
        return makes_of(self.model)


def run(arguments: Arguments, context: StepContext) -> Any:
    """Return one sample for each row of weights; several pictures in one term make a row of the sheet each."""
    import torch

    from gdl_core.errors import DataError
    from gdl_core.latent.tiles import decode_rows
    from gdl_core.steps.inputs import ready
    from gdl_core.steps.shown import need_form, show

    trained = arguments.model
    need_form(trained, "blend")
    ready([trained], context)
    terms = [_points(trained, term, context) for term in arguments.of]
    people = max(len(term) for term in terms)
    if any(len(term) not in (1, people) for term in terms):
        sizes = ", ".join(str(len(term)) for term in terms)
        raise DataError(f"blend: the terms hold {sizes} samples; each should hold one, or all the same number")
    stacked = torch.stack([term.expand(people, *term.shape[1:]) for term in terms])  # (terms, people, *latent)
    weights = torch.tensor(arguments.weights, dtype=torch.float32)  # (rows, terms)
    z = (weights @ stacked.flatten(1)).reshape(len(weights), people, *terms[0].shape[1:]).transpose(0, 1)
    return show(trained, decode_rows(trained, z.flatten(0, 1)), len(weights) if people > 1 else 0)


def _points(trained: object, term: object, context: StepContext) -> Tensor:
    import torch

    from gdl_core.errors import DataError
    from gdl_core.latent.spaces import need_space
    from gdl_core.steps.inputs import latent_points, load
    from gdl_core.values import TrainedModel

    assert isinstance(trained, TrainedModel)
    term = load(term, context, *SAMPLES, "latent", "vector")
    if not isinstance(term, Vector):
        return latent_points(trained, term, context)
    need_space(trained, term)
    if term.direction.shape != tuple(trained.model.latent_shape):
        raise DataError(
            f"direction '{term.name}' has shape {term.direction.shape}, the latent space of {trained.name} has "
            f"{tuple(trained.model.latent_shape)}; find directions in the same model"
        )
    return torch.from_numpy(term.direction.copy())[None]
