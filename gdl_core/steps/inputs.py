"""The kinds of input that steps share, and the words of a recipe turned into what models take. No torch at import."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BeforeValidator, Field

from gdl_core import media
from gdl_core.arguments import Accepts, Promise
from gdl_core.errors import DataError, MediaError
from gdl_core.forms import need_same_form
from gdl_core.media.raster import to_image, to_pixels
from gdl_core.media.sheet import flatten
from gdl_core.specs import Kind, a_kind, one_of
from gdl_core.steps.shown import SAMPLES, data_wanted, form_of, read
from gdl_core.values import Images, Latents, TrainedModel, Vector

if TYPE_CHECKING:
    from torch import Tensor

    from gdl_core.data.dataset import Dataset
    from gdl_core.steps.context import StepContext


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else [value]


def roles_of(model: TrainedModel | Promise) -> frozenset[str]:
    """Return the roles of a model, or of what stands for it while a recipe is checked."""
    return model.roles if isinstance(model, Promise) else model.model.roles()


def data_wants_encoder(model: TrainedModel | Promise, data: Any) -> str:
    """Return what is wrong with asking a model for the codes of data, or nothing: it may not encode, or not these."""
    if data is None or "encodes" in roles_of(model):
        return data_wanted(model, data)
    return "'data' needs a model that encodes, which this one does not; leave 'data' out"


OneOrMore = BeforeValidator(_listed, json_schema_input_type=Any)
"""A list, or one item that stands for a list of one."""

DecodingModel = Annotated[TrainedModel, Accepts("model", roles=("decodes",))]
DrawingModel = Annotated[TrainedModel, Accepts("model", roles=("decodes",), makes="image")]
EncodingModel = Annotated[TrainedModel, Accepts("model", roles=("encodes",))]
LatentModel = Annotated[TrainedModel, Accepts("model", roles=("encodes", "decodes"), makes="image")]

Point = Annotated[Any, Accepts(*SAMPLES, "latent", files=True)]
"""Places in a latent space: samples (to be encoded: pictures, texts), latent points, or a file of either."""

SamplesInput = Annotated[Any, Accepts("dataset", *SAMPLES, files=True)]
"""Samples: a dataset, pictures, texts, or a file of them."""

Direction = Annotated[Vector | Path, Accepts("vector", files=True)]

Where = dict[str, str | int | float | bool]
"""Columns and what they should say, like {label: 7}."""

Share = Annotated[float, Field(ge=0, le=1)]


def load(value: Any, context: StepContext, *kinds: Kind) -> Any:
    """Return a value, read from its file if it is a path.

    Raises:
        MediaError: the file holds something else than the kinds that will do.
    """
    if not isinstance(value, Path):
        return value
    found = media.read(value, context.registry)
    if found.kind not in kinds:
        raise MediaError(f"{value.name} holds {a_kind(found.kind)}, but {one_of(kinds)} is needed")
    return found


def ready(models: Sequence[TrainedModel], context: StepContext) -> None:
    """Put models on the run's device, in eval mode."""
    from gdl_core.training.build import choose_device

    device = choose_device(context.device)
    for trained in models:
        trained.model.to(device).eval()


def model_names(models: Sequence[TrainedModel]) -> list[str]:
    """Return a short name for each model; those that share one are told apart by the settings in which they differ."""
    short = [trained.name.rpartition("/")[2] for trained in models]
    names: list[str] = []
    for index, (name, trained) in enumerate(zip(short, models, strict=True)):
        twins = [other for other, same in zip(models, short, strict=True) if same == name]
        if len(twins) > 1:
            facts = [_settings(twin) for twin in twins]
            mine = _settings(trained)
            keys = [key for key in mine if len({repr(other.get(key)) for other in facts}) > 1][:2]
            told = ", ".join(f"{key} {_short(mine[key])}" for key in keys)
            name = f"{name} {told}" if told else f"{name} {short[: index + 1].count(name)}"
        names.append(name)
    return [name if names.count(name) == 1 else f"{name} ({index + 1})" for index, name in enumerate(names)]


def _settings(trained: TrainedModel) -> dict[str, Any]:
    """Return the settings that tell a model from its like; of a view also how it looks into the model."""
    view = {"truncation": trained.space["truncation"]} if trained.space else {}
    plain = {key: value for key, value in trained.config.items() if not isinstance(value, dict)}
    return {"space": trained.space.get("which", "z"), **view, **plain}


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def same_shape(models: Sequence[TrainedModel]) -> tuple[int, ...]:
    """Return the shape of one sample, the same for all models.

    Raises:
        DataError: the models were made for different shapes, or for numbers that mean different things.
    """
    shapes = {trained.data_shape for trained in models}
    if len(shapes) > 1:
        pairs = zip(model_names(models), models, strict=True)
        told = ", ".join(f"{name} {trained.data_shape}" for name, trained in pairs)
        raise DataError(f"the models were trained on samples of different shapes ({told}); compare models of one set")
    for trained in models[1:]:
        need_same_form(models[0].model.form, trained.model.form, "these models")
    return shapes.pop()


def need_pictures(trained: TrainedModel, what: str) -> None:
    """Raise DataError if a model does not make pictures."""
    if len(trained.data_shape) != 3 or trained.data_shape[0] not in (1, 3, 4):
        raise DataError(f"{what} shows pictures, but {trained.name} makes samples of shape {trained.data_shape}")


def fit_pictures(pixels: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return pictures (n, height, width, channels) as a model of `shape` (channels, height, width) takes them.

    The middle is cut out where the proportions differ. A picture enlarged by a whole number comes back exactly.
    """
    channels, height, width = shape
    pixels = _with_channels(pixels, channels)
    if pixels.shape[1:3] == (height, width):
        return pixels
    old_height, old_width = pixels.shape[1:3]
    scale = min(old_height / height, old_width / width)
    cut = (round(width * scale), round(height * scale))
    left, top = (old_width - cut[0]) // 2, (old_height - cut[1]) // 2
    whole = cut[0] % width == 0 and cut[1] % height == 0
    how = Image.Resampling.BOX if whole else Image.Resampling.LANCZOS
    middle = pixels[:, top : top + cut[1], left : left + cut[0]]
    return np.stack([to_pixels(to_image(picture).resize((width, height), how)) for picture in middle])


def _with_channels(pixels: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    given = pixels.shape[-1]
    if given == channels:
        return pixels
    if channels == 4:
        colour = _with_channels(pixels, 3)
        return np.concatenate([colour, np.full((*colour.shape[:-1], 1), 255, dtype=np.uint8)], axis=-1)
    pixels = flatten(pixels)
    if channels == 3:
        return pixels if pixels.shape[-1] == 3 else pixels.repeat(3, axis=-1)
    if pixels.shape[-1] == 1:
        return pixels
    return np.stack([np.asarray(Image.fromarray(picture).convert("L")) for picture in pixels])[..., None]


def to_tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """Return pictures as models take them: float32 in [0, 1], (n, channels, height, width)."""
    import torch

    return torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy()).to(torch.float32).div_(255.0)


def as_samples(trained: TrainedModel, value: Any) -> Tensor:
    """Return pictures, texts or notes as a model takes them, float32 (n, *data shape).

    Raises:
        DataError: the model is of other samples.
    """
    import torch

    if isinstance(value, Images) and form_of(trained) is None:
        need_pictures(trained, "encoding pictures")
        return to_tensor(fit_pictures(value.pixels, trained.data_shape))
    return torch.from_numpy(read(trained, value))


def latent_points(trained: TrainedModel, value: Any, context: StepContext) -> Tensor:
    """Return places in a model's latent space, float32 (n, *latent shape) on the CPU; samples give posterior means.

    Raises:
        DataError: latent points of another shape or space, or samples of another kind.
    """
    import torch

    from gdl_core.latent.spaces import need_space
    from gdl_core.latent.tiles import encode_rows

    value = load(value, context, *SAMPLES, "latent")
    if not isinstance(value, Latents):
        return encode_rows(trained, as_samples(trained, value)).mean
    need_space(trained, value)
    points = torch.from_numpy(value.mean.copy())
    if tuple(points.shape[1:]) != tuple(trained.model.latent_shape):
        raise DataError(
            f"latent points of shape {tuple(points.shape[1:])} do not fit {trained.name}, "
            f"whose latent space has shape {tuple(trained.model.latent_shape)}"
        )
    return points


def some_rows(
    data: Dataset, n: int | None, context: StepContext, held_out: bool | None = True, **wanted: Any
) -> NDArray[np.int64]:
    """Return n indices of samples that fit, the first of an order drawn from the step's noise; None: all, sorted.

    Raises:
        DataError: fewer than n samples fit.
    """
    rows = data.where(held_out=held_out, **wanted)
    if n is None:
        return rows
    if len(rows) < n:
        told = ", ".join(f"{key} {value}" for key, value in wanted.items())
        which = {True: "held-out ", False: "training ", None: ""}[held_out]
        raise DataError(
            f"{data.name} has {len(rows)} {which}samples{' with ' + told if told else ''}, but {n} were asked for; "
            "ask for fewer"
        )
    order: NDArray[np.int64] = context.noise.stream("pick").permutation(len(rows)).numpy()
    return np.asarray(rows[order[:n]])
