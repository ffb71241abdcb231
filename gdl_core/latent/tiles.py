"""Encode, decode and sample in tiles of fixed size, so that a row never depends on the batch it was computed in.

Matrix libraries choose their order of summation by the size of the batch, so the same row may come out with other
last bits in another batch. Here every pass has the same size, `TrainedModel.tile`, padded with zeros at the end, and
row i is always computed in slot i % tile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gdl_core.contracts import Model, Posterior
from gdl_core.errors import RoleError
from gdl_core.forms import need_same_form
from gdl_core.latent.conditions import check_wanted
from gdl_core.noise import Noise
from gdl_core.values import Cell, TrainedModel

if TYPE_CHECKING:
    from torch.utils.hooks import RemovableHandle

SMALLEST_TILE = 8
LARGEST_TILE = 1024
TILE_BYTES = 1 << 24
"""Activations of one tile, all layers together, stay within 16 MiB where the smallest tile allows it. Measured on one
core, decoders for 28 and 64 pixels are fastest there; in larger batches single layers outgrow the caches again."""

Progress = Callable[[int, int], None]
"""Called as progress(rows done, rows wanted) after each tile; it may raise CancelledError."""


@runtime_checkable
class Samples(Protocol):
    """The part of `gdl_core.data.dataset.Dataset` that encoding needs."""

    def __len__(self) -> int: ...

    def tensor(self, indices: NDArray[np.int64]) -> Tensor:
        """Return the samples of these indices, float32 (n, *data shape)."""
        ...


@contextmanager
def inference(model: nn.Module) -> Iterator[None]:
    """Put every module in evaluation mode without gradients; afterwards each has the mode that it had."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True


def measure_tile(model: Model) -> int:
    """Return how many samples one pass should take: a power of two from 8 to 1024.

    It follows from the bytes that the layers put out for one sample (decoding, or else encoding, classifying, sampling)
    and not from a clock, so that it is the same on every machine.
    """
    sizes: dict[int, int] = {}
    if model.tile:
        return model.tile
    outputs: list[Tensor] = []  # kept alive, so that no two of them can share an address by chance

    def count(value: object) -> None:
        if isinstance(value, Tensor):
            outputs.append(value)
            sizes[value.untyped_storage().data_ptr()] = value.numel() * value.element_size()
        elif isinstance(value, Mapping):
            count(tuple(value.values()))
        elif isinstance(value, tuple | list):
            for part in value:
                count(part)
        elif isinstance(value, Posterior):
            count((value.mean, value.log_var))

    def hook(module: nn.Module, given: object, result: object) -> None:
        count(result)

    handles: list[RemovableHandle] = [
        module.register_forward_hook(hook) for module in model.modules() if not any(module.children())
    ]
    try:
        with inference(model):
            count(_one_sample(model))
    finally:
        for handle in handles:
            handle.remove()
    tile = LARGEST_TILE
    while tile > SMALLEST_TILE and tile * sum(sizes.values()) > TILE_BYTES:
        tile //= 2
    return tile


def _one_sample(model: Model) -> object:
    roles = model.roles()
    if "decodes" in roles:
        return model.decode(torch.zeros(1, *model.latent_shape, device=device_of(model)))
    x = torch.zeros(1, *model.data_shape, device=device_of(model))
    if "encodes" in roles:
        return model.encode(x)
    if "classifies" in roles:
        return model.classify(x)
    if "samples" in roles:
        return model.sample(1, Noise(0))
    return x


def device_of(model: nn.Module) -> torch.device:
    """Return the device of the model's parameters or buffers; the CPU where it has none."""
    for tensor in (*model.parameters(), *model.buffers()):
        return tensor.device
    return torch.device("cpu")


def sample_rows(
    trained: TrainedModel,
    n: int,
    noise: Noise,
    start: int = 0,
    progress: Progress | None = None,
    where: Mapping[str, Cell] = MappingProxyType({}),
) -> Tensor:
    """Return samples start … start + n − 1 of a stream, float32 (n, *data shape) on the CPU; pictures are in [0, 1].

    Args:
        trained: a model that samples.
        n: how many.
        noise: the stream.
        start: number of the first one.
        progress: called after each tile.
        where: the wanted category of each column, of a model with such conditions; see `latent.conditions`.

    Raises:
        RoleError: the model does not sample.
        InputError: it was not conditioned on what is wanted.
    """
    model, tile = trained.model, trained.tile
    check_wanted(model, where)

    def whole_tile(first: int) -> tuple[Tensor]:
        return (model.sample(tile, noise.at(first), **where),)

    return _collect(trained, whole_tile, start, n, model.data_shape, progress)[0]


def prior_rows(
    trained: TrainedModel, n: int, noise: Noise, start: int = 0, where: Mapping[str, Cell] = MappingProxyType({})
) -> Tensor:
    """Return the latent points that samples start … start + n − 1 are decoded from, float32 (n, *latent shape), CPU.

    Arguments and errors are those of `sample_rows`; a model that samples without a latent space raises RoleError.
    """
    check_wanted(trained.model, where)

    def whole_tile(first: int) -> tuple[Tensor]:
        return (trained.model.prior(trained.tile, noise.at(first), **where),)

    return _collect(trained, whole_tile, start, n, trained.model.latent_shape, None)[0]


def map_rows(
    trained: TrainedModel, compute: Callable[[Tensor], Tensor], rows: Tensor, shape: tuple[int, ...]
) -> Tensor:
    """Return what a function of a model gives of rows, (n, *shape) float32 on the CPU, computed in tiles."""

    def whole_tile(first: int) -> tuple[Tensor]:
        padded = _padded(lambda low, high: rows[low:high], first, trained.tile, len(rows))
        return (compute(padded.to(device_of(trained.model), torch.float32)),)

    return _collect(trained, whole_tile, 0, len(rows), shape, None)[0]


def make_rows(
    trained: TrainedModel, compute: Callable[[int], Tensor], n: int, shape: tuple[int, ...], start: int = 0
) -> Tensor:
    """Return rows start … start + n − 1 of what a function makes, float32 (n, *shape) on the CPU.

    Args:
        trained: the model that makes them.
        compute: called with the number of a tile's first row; returns the rows of the whole tile.
        n: how many.
        shape: of a row.
        start: number of the first one.
    """
    return _collect(trained, lambda first: (compute(first),), start, n, shape, None)[0]


def decode_rows(
    trained: TrainedModel, z: Tensor | NDArray[np.float32], start: int = 0, progress: Progress | None = None
) -> Tensor:
    """Return what latent points (n, *latent shape) decode to, float32 (n, *data shape) on the CPU; pictures in [0, 1].

    Row i is computed as row `start + i`.

    Raises:
        RoleError: the model does not decode.
        ValueError: the points do not have the model's latent shape.
    """
    model = trained.model
    points = torch.as_tensor(z)
    if points.shape[1:] != model.latent_shape:
        raise ValueError(f"latent points of shape {tuple(points.shape[1:])} given to a model of {model.latent_shape}")

    def decode(first: int) -> tuple[Tensor]:
        rows = _padded(lambda low, high: points[low:high], first - start, trained.tile, len(points))
        return (model.decode(rows.to(device_of(model), torch.float32)),)

    return _collect(trained, decode, start, len(points), model.data_shape, progress)[0]


def encode_rows(
    trained: TrainedModel,
    x: Tensor | NDArray[np.float32] | Samples,
    indices: NDArray[np.int64] | None = None,
    start: int = 0,
    progress: Progress | None = None,
) -> Posterior:
    """Return the posterior of samples, float32 (n, *latent shape) on the CPU.

    Args:
        trained: a model that encodes.
        x: samples (n, *data shape), pictures in [0, 1]; or a dataset, which is then read tile by tile.
        indices: which samples to take; all of them by default.
        start: the row that the first sample is computed as.
        progress: called after each tile.

    Raises:
        RoleError: the model does not encode. DataError: the samples mean other things to the dataset.
    """
    model = trained.model
    if isinstance(x, Samples) and hasattr(x, "form"):
        need_same_form(model.form, x.form, "the model and the dataset")
    read, n = _reader(x, indices)
    point = False

    def encode(first: int) -> tuple[Tensor, ...]:
        nonlocal point
        posterior = model.encode(_padded(read, first - start, trained.tile, n).to(device_of(model)))
        point = posterior.log_var is None
        return (posterior.mean, posterior.mean if posterior.log_var is None else posterior.log_var)

    mean, log_var = _collect(trained, encode, start, n, model.latent_shape, progress, parts=2)
    return Posterior(mean, None if point else log_var)


def classify_rows(
    trained: TrainedModel,
    x: Tensor | NDArray[np.float32] | Samples,
    indices: NDArray[np.int64] | None = None,
    progress: Progress | None = None,
) -> dict[str, Tensor]:
    """Return for each column that a probe judges the probabilities of its categories, float32 (n, categories).

    Raises:
        RoleError: the model does not classify.
    """
    model = trained.model
    read, n = _reader(x, indices)
    names: list[str] = []

    def classify(first: int) -> tuple[Tensor, ...]:
        judged = model.classify(_padded(read, first, trained.tile, n).to(device_of(model)))
        names[:] = judged
        return tuple(judged.values())

    if n == 0:
        classify(0)  # to learn the columns
        return {name: torch.zeros(0, 0) for name in names}
    return dict(zip(names, _collect(trained, classify, 0, n, (), progress), strict=True))


def score_rows(trained: TrainedModel, x: Samples, noise: Noise, indices: NDArray[np.int64]) -> Tensor:
    """Return log p(x) of a dataset's samples, or the bound that the model tells, in nats, float64 (n,) on the CPU.

    Raises:
        RoleError: the model does not score.
    """
    found = []
    with inference(trained.model):
        for first in range(0, len(indices), trained.tile):
            rows = x.tensor(indices[first : first + trained.tile]).to(device_of(trained.model))
            found.append(trained.model.log_prob(rows, noise.at(first)).double().cpu())
    return torch.cat(found) if found else torch.zeros(0, dtype=torch.float64)


def feature_rows(
    trained: TrainedModel, x: Tensor | NDArray[np.float32] | Samples, indices: NDArray[np.int64] | None = None
) -> Tensor:
    """Return the features of samples, float32 (n, features) on the CPU.

    Raises:
        RoleError: the model does not classify.
    """
    model = trained.model
    read, n = _reader(x, indices)

    def extract(first: int) -> tuple[Tensor, ...]:
        return (model.features(_padded(read, first, trained.tile, n).to(device_of(model))),)

    return _collect(trained, extract, 0, n, (), None)[0]


def to_pixels(pictures: Tensor) -> NDArray[np.uint8]:
    """Turn pictures in [0, 1], (n, channels, height, width), into uint8 (n, height, width, channels), clipping.

    >>> to_pixels(torch.tensor([[[[0.0, 0.5, 2.0]]]])).tolist()
    [[[[0], [128], [255]]]]
    """
    levels = pictures.detach().float().nan_to_num(0.0).clamp(0.0, 1.0).mul(255.0).add_(0.5).to(torch.uint8)
    return cast("NDArray[np.uint8]", levels.movedim(1, -1).contiguous().cpu().numpy())


def spans(n: int, start: int, tile: int) -> Iterator[tuple[int, int]]:
    """Yield (first, count) of the pieces of n rows that begin at row `start`, cut where tiles begin.

    >>> list(spans(10, 6, 8))
    [(0, 2), (2, 8)]
    """
    first = 0
    while first < n:
        count = min(tile - (start + first) % tile, n - first)
        yield first, count
        first += count


def _reader(
    x: Tensor | NDArray[np.float32] | Samples, indices: NDArray[np.int64] | None
) -> tuple[Callable[[int, int], Tensor], int]:
    """Return a function from a range of rows to their samples, and the number of rows."""
    if isinstance(x, Tensor | np.ndarray):
        samples = torch.as_tensor(x)
        if indices is not None:
            samples = samples[torch.as_tensor(indices)]
        return lambda low, high: samples[low:high].float(), len(samples)
    wanted = np.arange(len(x), dtype=np.int64) if indices is None else np.asarray(indices, np.int64)
    return lambda low, high: x.tensor(wanted[low:high]), len(wanted)


def _padded(read: Callable[[int, int], Tensor], first: int, tile: int, n: int) -> Tensor:
    """Return the rows first … first + tile − 1 of n, with zeros for those that do not exist (first may be negative)."""
    low, high = max(first, 0), min(first + tile, n)
    rows = read(low, high)
    if high - low == tile:
        return rows
    full = rows.new_zeros(tile, *rows.shape[1:])
    full[low - first : high - first] = rows
    return full


def _collect(
    trained: TrainedModel,
    compute: Callable[[int], tuple[Tensor, ...]],
    start: int,
    n: int,
    shape: tuple[int, ...],
    progress: Progress | None,
    parts: int = 1,
) -> tuple[Tensor, ...]:
    """Compute whole tiles that cover rows start … start + n − 1 and return those rows of each part."""
    if trained.tile < 1:
        raise RoleError(f"the tile of a model is at least 1, this one says {trained.tile}")
    if start < 0 or n < 0:
        raise ValueError(f"rows count from 0: start {start}, n {n}")
    results: list[tuple[Tensor, ...]] = []
    with inference(trained.model):
        for first, count in spans(n, start, trained.tile):
            slot = (start + first) % trained.tile
            whole = compute(start + first - slot)
            results.append(tuple(part[slot : slot + count].float().cpu() for part in whole))
            if progress is not None:
                progress(first + count, n)
    if not results:
        return tuple(torch.zeros(0, *shape) for _ in range(parts))
    return tuple(torch.cat(column) for column in zip(*results, strict=True))
