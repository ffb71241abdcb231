"""The layers of the network that the Fréchet Inception distance is defined by, and the check of a file of its weights.

The network is Inception-v3 (Szegedy et al. 2016, table 1) as TensorFlow published it on 5 December 2015, with 1008
classes, in which Heusel et al. 2017 defined the distance. Layers have the names of the published PyTorch file of these
weights, `pt_inception-2015-12-05-6726825d`. They are data and need no torch, so that a file is checked before anything
runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from safetensors import SafetensorError, safe_open

from gdl_core.errors import CheckpointError

FEATURES = 2048
"""Numbers that the network tells of a picture: its last average pool, `pool_3` of the published graph."""
CLASSES = 1008
_IMAGENET = 1000

Kernel = tuple[int, int]
"""Height and width."""


@dataclass(frozen=True)
class Layer:
    """A convolution without bias, then batch normalisation and ReLU.

    Attributes:
        name: as in the file, `Mixed_5b.branch1x1`.
        inputs, outputs: channels.
        kernel: height and width.
        stride: of both directions.
        padded: the picture keeps its size at stride 1; else nothing is padded.
    """

    name: str
    inputs: int
    outputs: int
    kernel: Kernel
    stride: int = 1
    padded: bool = True

    @property
    def padding(self) -> Kernel:
        """Zeros on each side, of height and width."""
        return (self.kernel[0] // 2, self.kernel[1] // 2) if self.padded else (0, 0)


Branch = tuple[tuple[Layer, ...], ...]
"""Layers one after another; where two stand side by side, both see the same and their channels are joined."""


@dataclass(frozen=True)
class Block:
    """Branches that see the same and whose channels are joined in this order, the pooled one last.

    Attributes:
        branches: those of convolutions alone.
        pool: what the last branch begins with: the mean of 3 × 3 that counts no padding, the greatest of 3 × 3, or
            `halve`, the greatest of 3 × 3 at stride 2.
        pooled: what follows the pool.
    """

    branches: tuple[Branch, ...]
    pool: Literal["mean", "greatest", "halve"]
    pooled: Branch = ()


_Shape = tuple[int, int | Kernel] | tuple[int, int | Kernel, int]
"""Channels put out, kernel, and the stride where it is not 1."""


def _branch(name: str, inputs: int, *stages: _Shape | list[_Shape]) -> Branch:
    """Return a branch; layers of several stages are numbered, those side by side are called a and b besides."""
    branch: list[tuple[Layer, ...]] = []
    for number, stage in enumerate(stages, 1):
        beside = stage if isinstance(stage, list) else [stage]
        numbered = f"{name}_{number}" if len(stages) > 1 else name
        names = [numbered + letter for letter in "ab"] if len(beside) > 1 else [numbered]
        branch.append(tuple(_layer(each, inputs, shape) for each, shape in zip(names, beside, strict=True)))
        inputs = sum(layer.outputs for layer in branch[-1])
    return tuple(branch)


def _layer(name: str, inputs: int, shape: _Shape) -> Layer:
    outputs, size, stride = shape if len(shape) == 3 else (*shape, 1)
    kernel = (size, size) if isinstance(size, int) else size
    return Layer(name, inputs, outputs, kernel, stride, padded=stride == 1)


def _five(name: str, inputs: int, pooled: int) -> Block:
    """Blocks of 35 × 35 (Szegedy et al. 2016, figure 5, with one 5 × 5 left whole)."""
    return Block(
        (
            _branch(f"{name}.branch1x1", inputs, (64, 1)),
            _branch(f"{name}.branch5x5", inputs, (48, 1), (64, 5)),
            _branch(f"{name}.branch3x3dbl", inputs, (64, 1), (96, 3), (96, 3)),
        ),
        "mean",
        _branch(f"{name}.branch_pool", inputs, (pooled, 1)),
    )


def _six(name: str, inside: int) -> Block:
    """Blocks of 17 × 17 with 7 × 7 in two turns (figure 6)."""
    across, down = (inside, (1, 7)), (inside, (7, 1))
    return Block(
        (
            _branch(f"{name}.branch1x1", 768, (192, 1)),
            _branch(f"{name}.branch7x7", 768, (inside, 1), across, (192, (7, 1))),
            _branch(f"{name}.branch7x7dbl", 768, (inside, 1), down, across, down, (192, (1, 7))),
        ),
        "mean",
        _branch(f"{name}.branch_pool", 768, (192, 1)),
    )


def _seven(name: str, inputs: int, pool: Literal["mean", "greatest"]) -> Block:
    """Blocks of 8 × 8, wide at their end (figure 7)."""
    wide: list[_Shape] = [(384, (1, 3)), (384, (3, 1))]
    return Block(
        (
            _branch(f"{name}.branch1x1", inputs, (320, 1)),
            _branch(f"{name}.branch3x3", inputs, (384, 1), wide),
            _branch(f"{name}.branch3x3dbl", inputs, (448, 1), (384, 3), wide),
        ),
        pool,
        _branch(f"{name}.branch_pool", inputs, (192, 1)),
    )


STEM: tuple[tuple[Layer, ...], ...] = (
    (
        Layer("Conv2d_1a_3x3", 3, 32, (3, 3), stride=2, padded=False),
        Layer("Conv2d_2a_3x3", 32, 32, (3, 3), padded=False),
        Layer("Conv2d_2b_3x3", 32, 64, (3, 3)),
    ),
    (
        Layer("Conv2d_3b_1x1", 64, 80, (1, 1)),
        Layer("Conv2d_4a_3x3", 80, 192, (3, 3), padded=False),
    ),
)
"""Layers before the blocks, from 299 × 299 to 35 × 35; the greatest of 3 × 3 at stride 2 follows each group."""

BLOCKS: tuple[Block, ...] = (
    _five("Mixed_5b", 192, 32),
    _five("Mixed_5c", 256, 64),
    _five("Mixed_5d", 288, 64),
    Block(
        (
            _branch("Mixed_6a.branch3x3", 288, (384, 3, 2)),
            _branch("Mixed_6a.branch3x3dbl", 288, (64, 1), (96, 3), (96, 3, 2)),
        ),
        "halve",
    ),
    _six("Mixed_6b", 128),
    _six("Mixed_6c", 160),
    _six("Mixed_6d", 160),
    _six("Mixed_6e", 192),
    Block(
        (
            _branch("Mixed_7a.branch3x3", 768, (192, 1), (320, 3, 2)),
            _branch("Mixed_7a.branch7x7x3", 768, (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, 2)),
        ),
        "halve",
    ),
    _seven("Mixed_7b", 1280, "mean"),
    _seven("Mixed_7c", 2048, "greatest"),
)

LAYERS: tuple[Layer, ...] = (
    *(layer for group in STEM for layer in group),
    *(layer for block in BLOCKS for branch in (*block.branches, block.pooled) for beside in branch for layer in beside),
)


def shapes() -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor that a file of the weights must hold, by its name there.

    The last layer, which the distance does not use, is among them: by its 1008 classes the file is told from the
    weights of other trainings of the network.
    """
    found: dict[str, tuple[int, ...]] = {"fc.weight": (CLASSES, FEATURES), "fc.bias": (CLASSES,)}
    for layer in LAYERS:
        found[f"{layer.name}.conv.weight"] = (layer.outputs, layer.inputs, *layer.kernel)
        for part in ("weight", "bias", "running_mean", "running_var"):
            found[f"{layer.name}.bn.{part}"] = (layer.outputs,)
    return found


def check_weights(path: Path) -> None:
    """Look whether a safetensors file has every weight of the network, by its header alone.

    Raises:
        CheckpointError: it is no such file; says what is missing or has another shape, and what to do.
    """
    make = "make it of the published weights as docs/measures.md says"
    try:
        with safe_open(path, framework="numpy") as file:
            parts = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            found = {name: (tuple(part.get_shape()), str(part.get_dtype())) for name, part in parts.items()}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path.name} is not a whole safetensors file ({_first_line(error)}); {make}") from None
    wanted = shapes()
    if lacking := [name for name in wanted if name not in found]:
        more = f" and {len(lacking) - 1} more of {len(wanted)} tensors" if len(lacking) > 1 else ""
        raise CheckpointError(f"{path.name} holds no weights of the FID Inception: it lacks {lacking[0]}{more}; {make}")
    if found["fc.weight"][0] == (_IMAGENET, FEATURES):
        raise CheckpointError(
            f"{path.name} holds another training of Inception-v3, with {_IMAGENET} classes; "
            f"FID is defined by the weights of 2015, with {CLASSES}; {make}"
        )
    for name, shape in wanted.items():
        if found[name] != (shape, "F32"):
            told, kind = found[name]
            raise CheckpointError(
                f"{path.name} does not fit the FID Inception: {name} should be F32 {_by(shape)}, "
                f"it is {kind} {_by(told)}; {make}"
            )


def _by(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
