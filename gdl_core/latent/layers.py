"""The layers of a model's parts, and which layers of two models correspond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from math import prod

import torch
from torch import Tensor, nn

from gdl_core.contracts import Batch, Model
from gdl_core.latent.tiles import inference
from gdl_core.noise import Noise
from gdl_core.values import TrainedModel

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """One layer: what sort it is, the shape of its output for one sample, and the shapes of its own parameters."""

    kind: str
    output: Shape | None
    parameters: Mapping[str, Shape]

    @property
    def count(self) -> int:
        """Numbers in its parameters."""
        return sum(prod(shape) for shape in self.parameters.values())

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Shapes of its parameters."""
        return tuple(self.parameters.values())


Parts = Mapping[str, Sequence[Layer]]
Pairs = list[tuple[Layer | None, Layer | None]]


def parts_of(trained: TrainedModel) -> dict[str, list[Layer]]:
    """Return the layers of each part of a model, in the order in which they were built; a part is a direct child.

    Outputs are found by letting two samples through everything that the model does, and through every player's loss.
    """
    model = trained.model
    outputs: dict[nn.Module, Shape] = {}

    def note(module: nn.Module, given: object, result: object) -> None:
        if isinstance(result, Tensor) and result.dim():
            outputs.setdefault(module, tuple(result.shape[1:]))

    handles = [module.register_forward_hook(note) for module in model.modules()]
    try:
        with inference(model):
            _exercise(trained)
    finally:
        for handle in handles:
            handle.remove()
    return {name: _layers(part, outputs) for name, part in model.named_children() if list(part.parameters())}


def side_by_side(first: Parts, second: Parts) -> list[tuple[str, str, Pairs]]:
    """Return which part of the second model stands beside each part of the first, and which layers correspond.

    The likest parts are paired first, and of equally like ones those of one name. A part or layer without a counterpart
    has "" or None beside it.
    """
    likeness = {
        (a, b): (_matcher(ones, others).ratio(), a == b) for a, ones in first.items() for b, others in second.items()
    }
    beside: dict[str, str] = {}
    for a, b in sorted(likeness, key=lambda pair: likeness[pair], reverse=True):
        if a not in beside and b not in beside.values() and any(likeness[a, b]):
            beside[a] = b
    found = [(a, beside.get(a, ""), _aligned(ones, second.get(beside.get(a, ""), ()))) for a, ones in first.items()]
    alone = [("", b, _aligned((), others)) for b, others in second.items() if b not in beside.values()]
    return found + alone


def _exercise(trained: TrainedModel) -> None:
    """Let two samples through all that a model does; the data's columns, where they are wanted, are all zero."""
    model, device = trained.model, trained.model.device
    x = torch.full((2, *model.data_shape), 0.5, device=device)
    roles = model.roles()
    if "decodes" in roles:
        model.decode(torch.zeros(2, *model.latent_shape, device=device))
    if "encodes" in roles:
        model.encode(x)
    if "classifies" in roles:
        model.classify(x)
    if type(model).players is not Model.players:
        columns = {
            name: torch.zeros(2, dtype=torch.int64 if names else torch.float32, device=device)
            for name, names in trained.data.get("columns", {}).items()
        }
        for player in model.players():
            player.loss(Batch(x, Noise(0), columns=columns, training=False))


def _layers(part: nn.Module, outputs: Mapping[nn.Module, Shape]) -> list[Layer]:
    """Return what of a part has parameters of its own or no further parts."""
    found = []
    for module in part.modules():
        parameters = {name: tuple(value.shape) for name, value in module.named_parameters(recurse=False)}
        if parameters or not any(module.children()):
            found.append(Layer(type(module).__name__, outputs.get(module), parameters))
    return found


def _matcher(ones: Sequence[Layer], others: Sequence[Layer]) -> SequenceMatcher[tuple[Shape, ...]]:
    with_parameters = ([layer.shapes for layer in side if layer.parameters] for side in (ones, others))
    return SequenceMatcher(None, next(with_parameters), next(with_parameters), autojunk=False)


def _aligned(ones: Sequence[Layer], others: Sequence[Layer]) -> Pairs:
    """Return the layers in rows: equal ones share a row, and where the sides differ they are paired in order."""
    keys = ([layer.shapes or layer.kind for layer in side] for side in (ones, others))
    matcher: SequenceMatcher[object] = SequenceMatcher(None, next(keys), next(keys), autojunk=False)
    pairs: Pairs = []
    for _, a, b, c, d in matcher.get_opcodes():
        pairs += zip_longest(ones[a:b], others[c:d])
    return pairs
