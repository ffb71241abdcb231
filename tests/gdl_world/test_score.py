"""A score that was broken off plays nothing again that it has played."""

from __future__ import annotations

from pathlib import Path

import pytest
from world_toys import recipe_of, run_text

from gdl_core.errors import CancelledError
from gdl_world.play import played


@pytest.mark.parametrize("damage", [None, b"", b"no array", b"PK\x03\x04 no archive"])
def test_who_has_played_does_not_play_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes | None
) -> None:
    recipe = recipe_of(
        player="{do: evolve, env: $arena, vision: $eye, generations: 1, population: 4, rollouts: 1}",
        proof="{do: score, env: $arena, agents: {player: $player}, episodes: 4, search: 2, save: proof.csv}",
    )
    run_text(recipe, tmp_path / "whole")
    calls, stop = list[int](), 5

    def counted(*given: object) -> object:
        calls.append(1)
        if len(calls) == stop:
            raise CancelledError("enough")
        return played(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("gdl_world.play.played", counted)
    with pytest.raises(CancelledError):
        run_text(recipe, tmp_path / "part")
    kept = tmp_path / "part" / ".gdl" / "proof"
    if damage is not None:
        (kept / "still.npy").write_bytes(damage)
    before, stop = len(calls) - 1, 0
    run_text(recipe, tmp_path / "part")
    assert (tmp_path / "part" / "proof.csv").read_bytes() == (tmp_path / "whole" / "proof.csv").read_bytes()
    players = len(list(kept.glob("search-*.npy"))) + 4  # random, still, the best sweep, the agent
    assert len(calls) - before - 1 == players - before + (damage is not None)
