"""Standard units: what random controllers meet has mean 0 and deviation 1 in them, in dreams and outside."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from world_toys import agent, arena, dream, never

from gdl_core.latent.fingerprint import fingerprint
from gdl_core.model_file import read_model, write_model
from gdl_core.noise import Noise
from gdl_core.values import TrainedModel
from gdl_world.dream import Dream
from gdl_world.environment import Environment
from gdl_world.play import AgentPolicy, dream_returns, played
from gdl_world.standard import standardise


@pytest.mark.parametrize("where", [dream(cap=20, ended=0.99), arena(cap=30)], ids=["dream", "real"])
def test_what_random_controllers_meet_has_standard_units(where: Dream | Environment) -> None:
    player, seeds = agent(), [3, 4, 5]
    standardise(player, where, 0.1, seeds, Noise(7), never)
    drawn = 0.1 * Noise(7).normal(16, (len(player.parameters_of_controller),))
    met: list[Tensor] = []
    shift, scale = player.shift.clone(), player.scale.clone()
    player.shift.zero_()
    player.scale.fill_(1.0)  # as they were met
    if isinstance(where, Dream):
        dream_returns(player, drawn, where, torch.tensor(seeds), listen=met.append)
    else:
        policy = AgentPolicy(player, drawn.repeat_interleave(3, 0), met.append)
        object.__setattr__(where, "most", 48)
        played(where, policy, seeds * 16)
    known = torch.cat(met)
    assert len(known) > 100
    units = (known - shift) * scale
    wide = known.std(0, correction=0) > 0.05
    assert wide.any()
    assert units.mean(0).abs().max() < 0.02
    torch.testing.assert_close(units.std(0, correction=0)[wide], torch.ones(int(wide.sum())), atol=0.02, rtol=0)
    assert units.std(0, correction=0).max() < 1.02, "what hardly changes is not blown up"


def test_an_agent_keeps_its_units_in_its_file(tmp_path: Path) -> None:
    player = agent()
    standardise(player, dream(), 0.1, [1], Noise(7), never)
    config = player.config.model_dump(mode="json")
    told = TrainedModel(player, "world/agent", "1", config, tuple(player.data_shape), 8, fingerprint(player, config))
    write_model(told, tmp_path / "player.gdl")
    again = read_model(tmp_path / "player.gdl").model
    x, state = torch.rand(4, *player.data_shape), None
    assert torch.equal(player.act(x, state, Noise(1))[0], again.act(x, state, Noise(1))[0])
    assert torch.equal(player.scale, again.scale)
    assert float(player.scale.std()) > 0
