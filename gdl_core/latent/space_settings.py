"""How an inner latent space of a style-based generator is looked at: which one, and how tame. No torch is imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from gdl_core.config import Settings
from gdl_core.errors import InputError

Which = Annotated[
    Literal["w", "w+"],
    Field(description="w: one style for all layers; w+: a style for each layer (Abdal et al. 2019)"),
]
Truncation = Annotated[
    float,
    Field(
        ge=-2, le=2, allow_inf_nan=False,
        description="share of the way from the mean style that points are drawn at; 1: all of it, 0: the mean itself",
    ),
]  # fmt: skip
Layers = Annotated[
    int | None,
    Field(ge=1, le=1024, description="of w+: only the first so many layers are truncated; left out: all"),
]


def refuse_layers_of_w(which: str, layers: int | None) -> None:
    """Raise ValueError where truncation is to differ between layers in a space that has one style for all."""
    if layers is not None and which == "w":
        raise ValueError("'layers' is for which: w+; a point of w is one style for all layers")


class SpaceSettings(Settings):
    """Which space, and truncation (Karras et al. 2019, appendix B)."""

    which: Which = "w"
    truncation: Truncation = 1.0
    layers: Layers = None

    @model_validator(mode="after")
    def _fits(self) -> SpaceSettings:
        refuse_layers_of_w(self.which, self.layers)
        return self


def space_settings(which: str, truncation: float, layers: int | None) -> SpaceSettings:
    """Return the settings of a space, from outside a recipe.

    Raises:
        InputError: there is no such space.
    """
    try:
        return SpaceSettings(which=which, truncation=truncation, layers=layers)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'space'}: {fault['msg']}" for fault in error.errors())
        raise InputError(f"no such space: {told}") from None


def space_in_words(space: Mapping[str, Any]) -> str:
    """Return what a view looks into, as `TrainedModel.space` has it, for people.

    >>> space_in_words({"which": "w+", "truncation": 0.7, "layers": 4})
    'w+, truncation 0.7 of the first 4 layers'
    """
    words = f"{space['which']}, truncation {space['truncation']:g}"
    return words if space["layers"] is None else f"{words} of the first {space['layers']} layers"
