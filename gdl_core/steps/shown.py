"""What samples of models and datasets are shown as: pictures, or what their form makes of them. No torch at import."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gdl_core.arguments import Promise, makes_of
from gdl_core.errors import DataError
from gdl_core.specs import Kind, a_kind, several
from gdl_core.values import Images, TrainedModel

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from gdl_core.data.dataset import Dataset
    from gdl_core.forms import Form

_SUFFIXES: dict[str, Kind] = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".webp", ".gif"), "image"),
    ".txt": "text",
    **dict.fromkeys((".mid", ".midi"), "notes"),
}
SAMPLES: tuple[Kind, ...] = ("image", "text", "notes")
"""Kinds of value that samples are shown as."""


def form_of(owner: TrainedModel | Dataset) -> Form | None:
    """Return the form of a model's or a dataset's samples; None of pictures and plain numbers."""
    found: Form | None = owner.model.form if isinstance(owner, TrainedModel) else getattr(owner, "form", None)
    return found


def show(owner: TrainedModel | Dataset, x: Tensor, columns: int = 0) -> Any:
    """Return samples (n, *data shape) as a person takes them; `columns` is for pictures."""
    from gdl_core.latent.tiles import to_pixels

    form = form_of(owner)
    return Images(to_pixels(x), columns=columns) if form is None else form.show(x.numpy())


def beside(form: Form | None, rows: Sequence[Any], names: Sequence[str]) -> Any:
    """Return several values of as many samples as one, the first on top, each with its name."""
    if form is not None:
        return form.beside(rows, names)
    return Images(np.concatenate([row.pixels for row in rows]), columns=len(rows[0].pixels), rows=tuple(names))


def samples_wanted(models: Any, places: Sequence[Any]) -> str:
    """Return what is wrong with giving samples to models, or nothing.

    Args:
        models: the models, or what stands for them while a recipe is checked.
        places: samples and latent points, what stands for them, or paths of files.
    """
    given = {kind for place in places if (kind := _kind_of(place)) in SAMPLES}
    models = models if isinstance(models, list | tuple) else [models]
    for place in places:
        if _kind_of(place) in ("dataset", "episodes") and (message := data_wanted(models, place)):
            return message
    for model in models:
        makes, roles = makes_of(model), model.roles if isinstance(model, Promise) else model.model.roles()
        for kind in sorted(given):
            if makes is not None and kind != makes:
                return f"this model is one of {several(makes)}, but was given {a_kind(kind)}"
            if "encodes" not in roles:
                told = f"{several(kind)} need a model that encodes, which this one does not"
                return f"{told}; give it latent points (do: prior{', or do: invert' if kind == 'image' else ''})"
    return ""


def data_wanted(models: Any, data: Any) -> str:
    """Return what is wrong with showing a dataset to models, or nothing; None is no dataset."""
    holds = makes_of(data)
    for model in models if isinstance(models, list | tuple) else [models]:
        makes = makes_of(model)
        if None not in (holds, makes) and holds != makes:
            return f"this model is one of {several(str(makes))}, but the dataset holds {several(str(holds))}"
    return ""


def read(trained: TrainedModel, value: Any) -> NDArray[np.float32]:
    """Return samples of other kinds than pictures as a model takes them, (n, *data shape).

    Raises:
        DataError: the model is of other samples.
    """
    form = form_of(trained)
    if form is None or value.kind != form.kind:
        makes = makes_of(trained)
        raise DataError(f"{trained.name} is a model of {several(makes or 'image')}, but was given {a_kind(value.kind)}")
    return form.read(value)


def need_form(trained: TrainedModel, what: str) -> None:
    """Raise DataError if samples of a model can be shown neither as pictures nor by a form."""
    from gdl_core.steps.inputs import need_pictures

    if form_of(trained) is None:
        need_pictures(trained, what)


def _kind_of(place: Any) -> str:
    if isinstance(place, Path):
        return _SUFFIXES.get(place.suffix.lower(), "")
    return str(getattr(place, "kind", ""))
