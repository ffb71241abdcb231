"""Whether what a step is given is what it needs, and fits together. No torch at import."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from gdl_core.errors import DataError
from gdl_core.values import TrainedModel

if TYPE_CHECKING:
    from gdl_core.contracts import Model

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


def need_fit(what: str, given: object, wanted: object) -> None:
    """Raise DataError if two things that should be the same are not."""
    if given != wanted:
        raise DataError(f"{what} do not fit: {given} and {wanted}; take both from the same environment")
