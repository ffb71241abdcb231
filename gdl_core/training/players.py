"""The game that training is: who moves what, and everybody else held still meanwhile."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn

from gdl_core.contracts import Model, Player
from gdl_core.errors import PluginError


class Seat:
    """A player at the table: its trainable parameters, its optimiser, and the tensors that its turns may not touch."""

    def __init__(self, player: Player, model: Model) -> None:
        self.player = player
        self.parameters = [parameter for parameter in player.parameters() if parameter.requires_grad]
        if not self.parameters:
            raise PluginError(f"player '{player.name}' of {type(model).__name__} has no trainable parameters")
        self.optimiser = make_optimiser(player, self.parameters)
        mine = {id(buffer) for module in player.modules for buffer in module.buffers()}
        self.foreign: list[tuple[dict[str, Tensor], str]] = [
            (cast("dict[str, Tensor]", module._buffers), name)
            for module in model.modules()
            for name, buffer in module._buffers.items()
            if buffer is not None and id(buffer) not in mine
        ]

    def set_rate(self, progress: float) -> None:
        """Set the learning rate for this share of the training."""
        player, progress = self.player, min(progress, 1.0)
        rate = player.lr
        if player.decay == "cosine":
            rate *= 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * progress))
        if progress < player.warmup:
            rate *= max(progress / player.warmup, 0.01)
        self.optimiser.param_groups[0]["lr"] = rate


def make_optimiser(player: Player, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """Return Adam (Kingma & Ba 2014), or AdamW where weights decay, in the fused form where torch has it."""
    fused = all(parameter.device.type in ("cpu", "cuda", "mps", "xpu") for parameter in parameters)
    if player.weight_decay:
        return torch.optim.AdamW(
            parameters, lr=player.lr, betas=player.betas, weight_decay=player.weight_decay, fused=fused
        )
    return torch.optim.Adam(parameters, lr=player.lr, betas=player.betas, fused=fused)


class Game:
    """All seats of a model, in the order of their turns.

    Raises:
        PluginError: no player, two of one name, a tensor that two of them move, or one that is not the model's.
    """

    def __init__(self, model: Model) -> None:
        players = list(model.players())
        _check(model, players)
        self.turns = sum(player.turns for player in players)
        self._flags = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
        self.seats = [Seat(player, model) for player in players]
        self._single = len(players) == 1
        self._freeze()
        if self._single:
            _thaw(self.seats[0])

    @contextmanager
    def turn(self, seat: Seat) -> Iterator[None]:
        """Let one player move: all other parameters need no gradient, all other buffers are as before afterwards."""
        kept = [(buffers, name, buffers[name]) for buffers, name in seat.foreign]
        values = [buffer.clone() for _, _, buffer in kept]
        if not self._single:
            _thaw(seat)
        try:
            yield
        finally:
            if not self._single:
                for parameter in seat.parameters:
                    parameter.requires_grad_(False)
            with torch.no_grad():
                for (buffers, name, buffer), value in zip(kept, values, strict=True):
                    buffers[name] = buffer
                    buffer.copy_(value)

    def _freeze(self) -> None:
        for parameter, _ in self._flags:
            parameter.requires_grad_(False)

    def close(self) -> None:
        """Let every parameter need gradients as it did before the game, and drop the gradients."""
        for parameter, needs_gradient in self._flags:
            parameter.requires_grad_(needs_gradient)
            parameter.grad = None

    def state(self) -> dict[str, Tensor]:
        """Return the optimisers' moments, named `player/number/moment`."""
        return {
            f"{seat.player.name}/{number}/{name}": value
            for seat in self.seats
            for number, parameter in enumerate(seat.parameters)
            for name, value in seat.optimiser.state[parameter].items()
        }

    def load(self, state: dict[str, Tensor]) -> None:
        """Take the optimisers' moments from a checkpoint."""
        for seat in self.seats:
            for number, parameter in enumerate(seat.parameters):
                prefix = f"{seat.player.name}/{number}/"
                moments = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
                seat.optimiser.state[parameter] = {
                    name: value.to(parameter.device) if name == "step" else torch.empty_like(parameter).copy_(value)
                    for name, value in moments.items()
                }


def _thaw(seat: Seat) -> None:
    for parameter in seat.parameters:
        parameter.requires_grad_(True)


def _check(model: Model, players: list[Player]) -> None:
    kind = type(model).__name__
    if not players:
        raise PluginError(f"{kind}.players() returned no player; a model that trains needs one")
    names = [player.name for player in players]
    for player in players:
        if names.count(player.name) > 1:
            raise PluginError(f"two players of {kind} are called '{player.name}'; give each a name of its own")
        if player.turns < 1:
            raise PluginError(f"player '{player.name}' of {kind} has {player.turns} turns a round; it needs at least 1")
    known = {id(tensor): name for name, tensor in (*model.named_parameters(), *model.named_buffers())}
    owners: dict[int, str] = {}
    for player in players:
        own = {id(t): t for module in player.modules for t in (*module.parameters(), *module.buffers())}
        for key in own:
            if key not in known:
                raise PluginError(
                    f"player '{player.name}' of {kind} moves a tensor that is not part of the model, so it would not "
                    "be saved; make its module an attribute of the model"
                )
            if key in owners:
                raise PluginError(
                    f"players '{owners[key]}' and '{player.name}' of {kind} both move {known[key]}; "
                    "each module belongs to one player"
                )
            owners[key] = player.name
