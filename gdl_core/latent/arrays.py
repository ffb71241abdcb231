"""Arrays as people hold them, turned into samples as models take them, or refused in words."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gdl_core.errors import InputError

Floats = NDArray[np.float32]


def is_pictures(data_shape: tuple[int, ...]) -> bool:
    """Return whether samples of a shape are pictures (channels, height, width)."""
    return len(data_shape) == 3 and data_shape[0] in (1, 3, 4)


def read_vectors(given: ArrayLike, shape: tuple[int, ...], what: str) -> tuple[Floats, bool]:
    """Return vectors (n, *shape) float32, and whether one alone was given.

    Raises:
        InputError: they are not numbers, not finite, or not of the shape.
    """
    array = _numbers(given, what)
    single = array.shape == shape
    if not single and array.shape[1:] != shape:
        raise InputError(f"{what} of this model have the shape {shape} or (n, …) of it; got {array.shape}")
    if not np.isfinite(array).all():
        raise InputError(f"{what} hold a number that is not finite")
    return np.ascontiguousarray(array[None] if single else array, np.float32), single


def read_pictures(given: ArrayLike, data_shape: tuple[int, ...]) -> tuple[Floats, bool]:
    """Return pictures float32 (n, channels, height, width) in [0, 1], and whether one alone was given.

    Args:
        given: uint8 or floats in [0, 1]; see `layout` for the shapes. Grey becomes colour by repetition, colour grey
        by the
            weights of ITU-R BT.601, and what is transparent is laid on white.
        data_shape: (channels, height, width) of the model.

    Raises:
        InputError: they are not such pictures, or of another size.
    """
    channels, height, width = data_shape
    array = _numbers(given, "pictures")
    found = layout(array.shape, data_shape)
    if found is None:
        raise InputError(
            f"pictures of this model are {height} × {width} with {channels} channel{'s' * (channels > 1)}: give uint8 "
            f"(n, {height}, {width}, channels), or one picture; got an array of {array.shape}"
        )
    single, full = found
    pictures = _with_channels(_unit_range(array).reshape(full), channels)
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)), single


def layout(given: tuple[int, ...], data_shape: tuple[int, ...]) -> tuple[bool, tuple[int, ...]] | None:
    """Tell whether an array could be pictures for a model of (channels, height, width).

    Returns (one picture alone, full shape (n, height, width, channels)), or None. With 1, 3 or 4 channels last it is
    (n, height, width, channels) or one picture of them; grey ones may lack the last dimension.
    """
    size = data_shape[1:]
    if given == size:
        return True, (1, *size, 1)
    if len(given) in (3, 4) and given[-3:-1] == size and given[-1] in (1, 3, 4):
        return len(given) == 3, (1 if len(given) == 3 else given[0], *given[-3:])
    if len(given) == 3 and given[1:] == size:
        return False, (*given, 1)
    return None


def _numbers(given: ArrayLike, what: str) -> NDArray[Any]:
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise InputError(f"{what} should be an array of numbers ({error})") from error
    if array.dtype.kind not in "fuib":
        raise InputError(f"{what} should be an array of numbers, got {array.dtype}")
    return array


def _unit_range(array: NDArray[Any]) -> Floats:
    if array.dtype == np.uint8:
        return cast("Floats", array.astype(np.float32) / np.float32(255.0))
    if array.dtype.kind not in "fb":
        raise InputError(f"pictures are uint8 in 0 … 255 or floats in [0, 1], got {array.dtype}")
    levels = array.astype(np.float32)
    if levels.size and not (levels.min() >= 0.0 and levels.max() <= 1.0):  # also where one is not a number
        raise InputError(
            f"pictures of floats lie in [0, 1], these in [{levels.min():g}, {levels.max():g}]: "
            "divide by 255, or give uint8"
        )
    return levels


def _with_channels(levels: Floats, channels: int) -> Floats:
    """Turn pictures (n, height, width, 1 | 3 | 4) into ones of `channels` channels."""
    given = levels.shape[-1]
    if given == channels:
        return levels
    if given == 4:
        levels = levels[..., :3] * levels[..., 3:] + (1 - levels[..., 3:])
    if channels == 1:
        return (levels @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    if levels.shape[-1] == 1:
        levels = levels.repeat(3, axis=-1)
    if channels == 4:
        levels = np.concatenate([levels, np.ones_like(levels[..., :1])], axis=-1)
    return levels
