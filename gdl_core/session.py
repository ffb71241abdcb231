"""Embedding: a model file opened as an object whose methods take and return numpy arrays.

    with gdl_core.open("digits.gdl") as vae:
        pictures = vae.sample(16, seed=7)          # uint8 (16, height, width, channels)
        z = vae.encode(pictures)                   # float32 (16, latent)

A session may be used from several threads at once: the model is taken for one tile at a time, in turns, so that a
single point waits for one tile of a long film and not for the film. Every result is the same as if it had been asked
for alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from gdl_core.errors import InputError, RoleError, did_you_mean
from gdl_core.latent import algebra, paths
from gdl_core.latent.arrays import is_pictures, layout, read_pictures, read_vectors
from gdl_core.latent.directions import Method, attribute_vector
from gdl_core.latent.space_settings import space_settings
from gdl_core.latent.spaces import in_space, plane_of
from gdl_core.latent.tiles import decode_rows, encode_rows, inference, sample_rows, spans, to_pixels
from gdl_core.model_file import read_model
from gdl_core.noise import Noise
from gdl_core.training.build import choose_device
from gdl_core.turns import Cancel, Turns, stop_if
from gdl_core.values import Cell, Column, Info, Text, TrainedModel, Vector

if TYPE_CHECKING:
    from gdl_core.registry import Registry

Array = NDArray[Any]
Progress = Callable[[int, int], None]
"""Called as progress(rows done, rows wanted) after each tile, in the thread that asked."""


def open(  # noqa: A001
    path: Path | str, device: str = "auto", progress: Progress | None = None, registry: Registry | None = None
) -> Session:
    """Open a `.gdl` file.

    Args:
        path: the file.
        device: "auto", "cpu", "cuda", …
        progress: called by every method that computes more than one tile, unless the call names its own.
        registry: where the model's plugin is looked up; the installed plugins by default.

    Raises:
        CheckpointError: the file cannot be read, or its plugin is not installed.
        InputError: there is no such device.
    """
    return Session(read_model(path, registry), device, progress)


class Session:
    """A model ready for use.

    Pictures go in as uint8, or floats in [0, 1]: (n, height, width, channels), (height, width, channels), and grey
    ones also without their last dimension; grey and colour are turned into what the model takes, transparent ones are
    laid on white. They come out as uint8 with the model's channels. Texts are strings and come out as an array of
    them. Samples that are neither are float32 arrays. Methods given one picture, text or point return one.

    Each method that computes tiles takes `progress` and `cancel` (a `threading.Event`, or a function that returns true
    to stop), and raises CancelledError within a tile of being told to.
    """

    def __init__(self, trained: TrainedModel, device: str = "auto", progress: Progress | None = None) -> None:
        self._device = choose_device(device)
        trained.model.to(self._device).eval()
        self._trained: TrainedModel | None = trained
        self._progress = progress
        self._form = trained.model.form
        self._is_pictures = self._form is None and is_pictures(tuple(trained.data_shape))
        self._alone = Turns()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the model; calls that are under way end well, later ones raise InputError."""
        self._trained = None

    @property
    def info(self) -> Info:
        """What the model is."""
        return Info.of(self._open(), str(self._device))

    def space(self, which: Literal["w", "w+"] = "w", truncation: float = 1.0, layers: int | None = None) -> Session:
        """Return a session in the space W or W+ of a style-based generator; the two take turns at the same weights.

        Args:
            which: one style for all layers, or a style for each.
            truncation: share of the way from the mean style that samples are drawn at.
            layers: of W+: how many of the first layers it applies to; None for all.

        Raises:
            RoleError: the model has no styles. InputError: there is no such space.
        """
        trained = self._needs("samples", "styles")
        view = Session(in_space(trained, space_settings(which, truncation, layers)), str(self._device), self._progress)
        view._alone = self._alone
        return view

    def sample(
        self,
        n: int,
        seed: int = 0,
        start: int = 0,
        *,
        where: Mapping[str, Cell] | None = None,
        progress: Progress | None = None,
        cancel: Cancel = None,
    ) -> Array:
        """Return samples start … start + n − 1 of a seed; sample i is the same, bit for bit, whatever the call.
        `where` asks a conditional model for a category, like {"label": 7}.

        Raises:
            RoleError: the model does not sample.
            InputError: n or start is negative, or the model was not conditioned on what is wanted.
        """
        trained = self._needs("samples")
        if n < 0 or start < 0:
            raise InputError(f"samples count from 0: n {n}, start {start}")
        noise = Noise(seed).stream("sample")

        def rows(first: int, count: int) -> Array:
            return self._shown(sample_rows(trained, count, noise, start + first, where=where or {}))

        return self._tiles(trained, n, start, rows, progress, cancel)

    def encode(self, images: ArrayLike, *, progress: Progress | None = None, cancel: Cancel = None) -> Array:
        """Return the posterior means of pictures or texts, float32 (n, *latent shape).

        Raises:
            RoleError: the model does not encode.
            InputError, DataError: the pictures or texts are not as the model takes them.
        """
        trained = self._needs("encodes")
        x, single = self._read(images, trained.data_shape)

        def rows(first: int, count: int) -> Array:
            return encode_rows(trained, x[first : first + count], start=first).mean.numpy()

        z = self._tiles(trained, len(x), 0, rows, progress, cancel)
        return z[0] if single else z

    def decode(
        self, z: ArrayLike, *, exact: bool = False, progress: Progress | None = None, cancel: Cancel = None
    ) -> Array:
        """Return the pictures of latent points (n, *latent shape) or of one point (*latent shape).

        One point is computed alone and at once, without filling a tile; before it is rounded to uint8 it agrees with
        what a recipe makes to about 1e-6. `exact` computes it as a recipe does, bit for bit.

        Raises:
            RoleError: the model does not decode.
            InputError: the points are not of the model's latent shape, or not finite.
        """
        trained = self._needs("decodes")
        points, single = read_vectors(z, tuple(trained.model.latent_shape), "latent points")
        if len(points) == 1 and not exact:
            stop_if(cancel)
            with self._alone, inference(trained.model):
                pictures = self._shown(trained.model.decode(torch.from_numpy(points).to(self._device)))
        else:
            pictures = self._decode(trained, points, progress, cancel)
        return pictures[0] if single else pictures

    def reconstruct(self, images: ArrayLike, *, progress: Progress | None = None, cancel: Cancel = None) -> Array:
        """Return what is left of pictures after encoding and decoding. Raises as `encode` and `decode` do."""
        trained = self._needs("encodes", "decodes")
        z = np.asarray(self.encode(images, progress=progress, cancel=cancel))
        single = z.ndim == len(trained.model.latent_shape)
        pictures = self._decode(trained, z[None] if single else z, progress, cancel)
        return pictures[0] if single else pictures

    def morph(
        self,
        a: ArrayLike,
        b: ArrayLike,
        *more: ArrayLike,
        frames: int = 48,
        mode: paths.Mode = "slerp",
        loop: bool = False,
        progress: Progress | None = None,
        cancel: Cancel = None,
    ) -> Array:
        """Return a film from picture to picture, uint8 (frames, height, width, channels).

        Each picture is one picture or one latent point. The first and the last frame are the reconstructions of the
        first and last picture; a loop ends one frame before the first.

        Raises:
            RoleError: the model does not decode, or not encode although pictures are given.
            InputError: the pictures are not as the model takes them, or the mode is unknown.
        """
        trained = self._needs("decodes")
        keyframes = [self._codes(place)[0] for place in (a, b, *more)]
        if any(len(codes) != 1 for codes in keyframes):
            raise InputError("a morph goes from picture to picture: give them one by one, not several at once")
        points = paths.through(np.concatenate(keyframes), frames, mode, loop)
        return self._decode(trained, points, progress, cancel)

    def walk(
        self,
        path: Literal["line", "circle", "lissajous"] | ArrayLike = "circle",
        *,
        frames: int = 96,
        radius: float = 1.5,
        dims: tuple[int, int] = (0, 1),
        mode: paths.Mode = "lerp",
        loop: bool = False,
        progress: Progress | None = None,
        cancel: Cancel = None,
    ) -> Array:
        """Return a film of a path through the latent space, uint8 (frames, height, width, channels).

        Args:
            path: "circle" or "lissajous" around the origin of a plane, "line" across it, latent points
                (k, *latent shape) to go through, or places (k, 2) of the plane to visit at even speed.
            frames: length of the film.
            radius: of the circle, figure or half the line, in units of z, in W and W+ of the standard deviation.
            dims: the two dimensions that the plane lies in; in W and W+ the main directions of styles.
            mode: between latent points, straight ("lerp"), along arcs ("slerp") or smoothly ("catmull-rom").
            loop: go back to the first of the points or places.
            progress, cancel: see the class.

        Raises:
            RoleError: the model does not decode.
            InputError: no such path or dimension, or the points are not those of this latent space.
        """
        trained = self._needs("decodes")
        with self._alone:
            plane = plane_of(trained, *dims)
        if isinstance(path, str):
            makers = {
                "circle": lambda: paths.circle(plane, frames, radius),
                "lissajous": lambda: paths.lissajous(plane, frames, radius),
                "line": lambda: paths.through(plane.at([[-radius, 0.0], [radius, 0.0]]), frames, "lerp"),
            }
            if path not in makers:
                raise InputError(f"unknown path '{path}'{did_you_mean(path, makers)}; known are {', '.join(makers)}")
            points = makers[path]()
        elif np.shape(path)[1:] == tuple(trained.model.latent_shape):
            points = paths.through(path, frames, mode, loop)
        else:
            points = paths.track(plane, path, frames, loop)
        return self._decode(trained, points, progress, cancel)

    def attribute(
        self,
        images: ArrayLike,
        labels: ArrayLike,
        others: Mapping[str, Column] | None = None,
        method: Method = "means",
        name: str = "",
    ) -> Vector:
        """Return the direction from pictures without an attribute to pictures with it.

        Args:
            images: pictures, or their latent points.
            labels: (n,) true where the attribute is there.
            others: further columns that `regression` holds still.
            method: "means" or "regression", see `gdl_core.latent.directions.attribute_vector`.
            name: of the vector.

        Raises:
            RoleError: the model does not encode.
            DataError: no picture has the attribute, or all have it.
        """
        codes, _ = self._codes(images)
        return attribute_vector(codes, labels, others, method, name)

    def apply(
        self,
        images: ArrayLike,
        vector: Vector | ArrayLike,
        strength: ArrayLike = 1.0,
        *,
        progress: Progress | None = None,
        cancel: Cancel = None,
    ) -> Array:
        """Return pictures moved along a vector; a list of strengths makes a ladder, (strengths, n, …), of each.

        Args:
            images: pictures, or latent points.
            vector: a direction from `attribute`, or an array (*latent shape).
            strength: how often the vector is added; negative takes the attribute away.
            progress, cancel: see the class.

        Raises:
            RoleError: the model does not decode, or not encode although pictures are given.
            InputError: the vector belongs to another latent space.
        """
        trained = self._needs("decodes")
        codes, single = self._codes(images)
        direction = vector if isinstance(vector, Vector) else Vector(np.asarray(vector, np.float32))
        moved = algebra.apply(codes, direction, strength)
        flat = moved.reshape(-1, *trained.model.latent_shape)
        pictures = self._decode(trained, flat, progress, cancel)
        pictures = pictures.reshape(*moved.shape[: np.ndim(strength) + 1], *pictures.shape[1:])
        return pictures.take(0, axis=np.ndim(strength)) if single else pictures

    def _open(self) -> TrainedModel:
        if self._trained is None:
            raise InputError("this session is closed; open the file again")
        return self._trained

    def _needs(self, *roles: str) -> TrainedModel:
        trained = self._open()
        filled = trained.model.roles()
        lacking = [role for role in roles if role not in filled]
        if lacking:
            raise RoleError(
                f"{trained.name} does not do this: the role '{lacking[0]}' is not filled "
                f"(it fills: {', '.join(sorted(filled)) or 'nothing'})"
            )
        return trained

    def _shown(self, samples: Tensor) -> Array:
        if self._is_pictures:
            return to_pixels(samples)
        array: Array = samples.float().cpu().numpy()
        if self._form is None or self._form.kind != Text.kind:
            return array
        texts = np.empty(len(array), dtype=object)  # one by one, since numpy would cut what stands at their ends
        texts[:] = self._form.show(array).samples
        return texts

    def _read(self, given: ArrayLike, shape: tuple[int, ...]) -> tuple[Any, bool]:
        """Return samples as the model takes them, (n, *data shape), and whether one alone was given."""
        if self._is_pictures:
            return read_pictures(given, shape)
        if self._form is None or self._form.kind != Text.kind:
            return read_vectors(given, shape, "samples")
        texts = (given,) if isinstance(given, str) else tuple(np.asarray(given, dtype=object).ravel().tolist())
        if not all(isinstance(text, str) for text in texts):
            raise InputError("this is a model of texts: give it strings")
        return self._form.read(Text(texts)), isinstance(given, str)

    def _decode(self, trained: TrainedModel, points: Array, progress: Progress | None, cancel: Cancel) -> Array:
        def rows(first: int, count: int) -> Array:
            return self._shown(decode_rows(trained, points[first : first + count], start=first))

        return self._tiles(trained, len(points), 0, rows, progress, cancel)

    def _tiles(
        self,
        trained: TrainedModel,
        n: int,
        start: int,
        rows: Callable[[int, int], Array],
        progress: Progress | None,
        cancel: Cancel,
    ) -> Array:
        """Compute n rows tile by tile, the model locked for one tile at a time."""
        progress = progress or self._progress
        parts: list[Array] = []
        for first, count in spans(n, start, trained.tile):
            stop_if(cancel)
            with self._alone:
                parts.append(rows(first, count))
            if progress is not None:
                progress(first + count, n)
        return np.concatenate(parts) if parts else rows(0, 0)

    def _codes(self, given: ArrayLike) -> tuple[Array, bool]:
        """Return latent points of pictures or latent points, (n, *latent shape), and whether one alone was given."""
        if isinstance(given, str):
            return self.encode(given)[None], True
        array = np.asarray(given)
        shape = tuple(self._open().model.latent_shape)
        could_be_points = array.dtype.kind == "f" and shape in (array.shape, array.shape[1:])
        if not could_be_points:
            codes = self.encode(array)
            return (codes[None], True) if codes.ndim == len(shape) else (codes, False)
        if self._is_pictures and layout(array.shape, self._open().data_shape) is not None:
            raise InputError(f"an array of {array.shape} could be pictures or latent points; give pictures as uint8")
        return read_vectors(array, shape, "latent points")
