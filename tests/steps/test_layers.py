"""`layers`: what a model is built of, and which layers of two models correspond."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from steps.doing import do
from steps.models import LineVAE, trained
from torch import nn

from gdl_core.contracts import Batch, Losses, Player
from gdl_core.latent.layers import parts_of, side_by_side
from gdl_core.values import TrainedModel


def named(model: TrainedModel, **config: Any) -> TrainedModel:
    return replace(model, config=config)


def test_a_model_alone(tmp_path: Path) -> None:
    table = do("layers", tmp_path, model=trained(LineVAE, latent=3))
    assert table.header == ("part", "layer", "output", "parameters", "count")
    assert table.rows == (
        ("encoder", "Linear", "6", "weight 6 × 256, bias 6", 6 * 257),
        ("encoder", "all", "", "", 6 * 257),
        ("decoder", "Linear", "256", "weight 256 × 3, bias 256", 256 * 4),
        ("decoder", "all", "", "", 256 * 4),
    )


def test_two_models_side_by_side(tmp_path: Path) -> None:
    models = [trained(LineVAE, latent=2), trained(LineVAE, latent=3)]
    table = do("layers", tmp_path, model=models)
    assert (table.header[0], table.header[5]) == ("dot latent 2 part", "dot latent 3 part")
    assert len(table.header) == 11
    assert [row[-1] for row in table.rows] == ["no"] * 4
    same = do("layers", tmp_path, model=[models[0], models[0]])
    assert [row[-1] for row in same.rows] == ["yes"] * 4
    assert [(row[0], row[5]) for row in same.rows] == [("encoder", "encoder")] * 2 + [("decoder", "decoder")] * 2
    with pytest.raises(ValidationError):
        do("layers", tmp_path, model=[models[0]] * 3)


class Odd(LineVAE):
    """Parameters in the middle of a tree, a layer that nothing runs through, and a part that only a loss knows."""

    def __init__(self, config: Any, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.encoder = nn.Sequential(Scaled(256, 4), nn.ReLU())  # type: ignore[assignment]
        self.unused = nn.Linear(2, 2)
        self.critic = nn.Sequential(nn.Flatten(), nn.Linear(256, 1))
        self.bare = nn.Flatten()

    def _judge(self, batch: Batch) -> Losses:
        return {"loss": self.critic(batch.x).mean() * batch.columns["right"].float().mean()}

    def players(self) -> list[Player]:
        return [Player("model", [self.encoder], self._loss), Player("critic", [self.critic], self._judge)]


class Scaled(nn.Module):
    """A layer with a parameter of its own around another layer."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.inner = nn.Linear(inputs, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scale * self.inner(x)


def odd() -> TrainedModel:
    return replace(trained(LineVAE), model=Odd(trained(LineVAE).model.config, (1, 16, 16)).eval())


def test_every_parameter_is_in_one_row_and_outputs_are_seen_where_there_are_any() -> None:
    parts = parts_of(odd())
    assert list(parts) == ["encoder", "decoder", "unused", "critic"]
    assert [(layer.kind, layer.output, layer.count) for layer in parts["encoder"]] == [
        ("Scaled", (4,), 1),
        ("Linear", (4,), 257 * 4),
        ("ReLU", (4,), 0),
    ]
    assert parts["unused"][0].output is None
    assert [layer.output for layer in parts["critic"]] == [(256,), (1,)]
    model = odd().model
    assert sum(layer.count for part in parts.values() for layer in part) == sum(p.numel() for p in model.parameters())


def test_looking_leaves_a_model_as_it_was() -> None:
    before = odd()
    before.model.train()
    state = {name: value.clone() for name, value in before.model.state_dict().items()}
    parts_of(before)
    assert before.model.training
    assert all(torch.equal(value, state[name]) for name, value in before.model.state_dict().items())
    assert not any(module._forward_hooks for module in before.model.modules())


def test_the_likest_parts_stand_side_by_side_and_equal_layers_share_a_row() -> None:
    found = side_by_side(parts_of(trained(LineVAE)), parts_of(odd()))
    assert [(a, b) for a, b, _ in found] == [
        ("encoder", "encoder"), ("decoder", "decoder"), ("", "unused"), ("", "critic"),
    ]  # fmt: skip
    kinds = [[layer and layer.kind for layer in pair] for pair in found[0][2]]
    assert kinds == [[None, "Scaled"], ["Linear", "Linear"], [None, "ReLU"]]


def test_parts_that_share_no_layer_are_paired_by_their_names() -> None:
    found = side_by_side(parts_of(trained(LineVAE, latent=2)), parts_of(trained(LineVAE, latent=3)))
    assert [(a, b) for a, b, _ in found] == [("encoder", "encoder"), ("decoder", "decoder")]
