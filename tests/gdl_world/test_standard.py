"""Standard units: what random controllers meet has mean 0 and deviation 1 in them, in dreams and outside."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from world_toys import agent, arena, dream, never, recipe_of, run_text

from gdl_core.errors import CancelledError, DataError
from gdl_core.latent.fingerprint import fingerprint
from gdl_core.model_file import read_model, write_model
from gdl_core.noise import Noise
from gdl_core.values import TrainedModel
from gdl_world.controller import decide
from gdl_world.dream import Dream
from gdl_world.environment import Actions, Environment
from gdl_world.play import AgentPolicy, dream_returns, play
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
        for parameters in drawn:  # each alone, so that none stands still while others go on
            for seed in seeds:
                policy = AgentPolicy(player, parameters[None])
                play(where.make(1), policy, [seed], where.cap, lambda *_, of=policy: met.append(of.known))
    known = torch.cat(met)
    assert len(known) > 100
    units = (known - shift) * scale
    wide = known.std(0, correction=0) > 0.05
    assert wide.any()
    assert units.mean(0).abs().max() < 0.02
    torch.testing.assert_close(units.std(0, correction=0)[wide], torch.ones(int(wide.sum())), atol=0.02, rtol=0)
    assert units.std(0, correction=0).max() < 1.02, "what hardly changes is not blown up"


@pytest.mark.parametrize("cell", [True, False])
def test_a_controller_is_taken_over_in_other_units(cell: bool) -> None:
    first, second = agent(cell=cell), agent(cell=cell)
    first.parameters_of_controller.copy_(Noise(3).normal(1, (len(first.parameters_of_controller),))[0])
    first.shift.copy_(Noise(4).normal(1, (first.known,))[0])
    first.scale.copy_(Noise(5).uniform(1, (first.known,))[0] + 0.5)
    second.shift.copy_(Noise(6).normal(1, (first.known,))[0])
    second.scale.copy_(Noise(7).uniform(1, (first.known,))[0] + 0.5)
    second.begin_as(first)
    known = Noise(8).normal(20, (first.known,))
    a, b = (
        decide(one.parameters_of_controller.double(), one.standard(known).double(), Actions(numbers=3))
        for one in (first, second)
    )
    torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)
    assert a.std() > 0.1
    with pytest.raises(DataError, match="what both agents know do not fit"):
        agent(cell=not cell).begin_as(first)


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


_SEARCH = {
    "codes": "{do: sequences, episodes: $play, vision: $eye, length: 10}",
    "memory": "{do: train, model: memory, data: $codes, for: 1 steps, batch: 4, set: {hidden: 4}}",
    "dream": "{do: dream, vision: $eye, memory: $memory, starts: $play}",
    "player": "{do: evolve, env: $dream, vision: $eye, memory: $memory, generations: 3, population: 4, rollouts: 1, "
    "save: player.gdl}",
}


def test_a_search_goes_on_in_the_units_that_it_began_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found again, on another device say, they would be others by a bit, and with them the beginning."""
    recipe, calls = recipe_of(**_SEARCH), list[int]()

    def stopped(*given: object, **more: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise CancelledError("enough")
        return dream_returns(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("gdl_world.play.dream_returns", stopped)
    with pytest.raises(CancelledError):
        run_text(recipe, tmp_path / "run")
    monkeypatch.setattr("gdl_world.standard.standardise", None)
    run_text(recipe, tmp_path / "run")
    assert len(calls) == 2 + 2
    monkeypatch.undo()
    run_text(recipe, tmp_path / "whole")
    part, whole = (read_model(tmp_path / run / "player.gdl").model for run in ("run", "whole"))
    for name in ("shift", "scale", "parameters_of_controller"):
        assert torch.equal(getattr(part, name), getattr(whole, name))
