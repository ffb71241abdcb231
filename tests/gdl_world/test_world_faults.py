"""What is wrong with a recipe of worlds, or does not fit, is told in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from world_toys import recipe_of, run_text

from gdl_core.errors import GdlError, RecipeError
from gdl_core.recipe.check import check_text
from gdl_core.registry import get_registry

POLE = "{do: env, name: CartPole-v1, set: {size: 32, workers: 1}}"
REMEMBERS = {
    "codes": "{do: sequences, episodes: $play, vision: $eye, length: 8}",
    "memory": "{do: train, model: memory, data: $codes, for: 1 steps, set: {hidden: 4}}",
    "dream": "{do: dream, vision: $eye, memory: $memory, starts: $play}",
}
ROUNDS = "{{do: iterate, env: $arena, vision: $eye, memory: $memory, data: $codes, {}}}"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"arena": "{do: env, name: dogde}"}, "did you mean 'dodge'"),
        ({"arena": "{do: env, name: dodge, set: {cpa: 5}}"}, "did you mean 'cap'"),
        ({"arena": "{do: env, name: dodge, set: {cap: 0}}"}, "greater than or equal to 1"),
        ({"play": "{do: rollouts, env: $arena, policy: randon}"}, "policy"),
        ({"play": "{do: rollouts, env: $arena, policy: $arena}"}, "needs a model"),
        ({"play": "{do: rollouts, env: $arena, hold: [3, 2]}"}, "like [1, 30]"),
        ({"seen": "{do: coverage, env: $arena, episodes: {all: $play}, steps: 9, last: 9}"}, "not both"),
        ({"dream": "{do: dream, vision: $eye, memory: $eye, starts: $play}"}, "needs a model that predicts"),
        ({"proof": "{do: score, env: $arena, agents: {eye: $eye}}"}, "needs a model that acts"),
        (
            {"proof": "{do: score, env: $arena, dreams: {dremer: $arena}}"},
            "no agent is called 'dremer'",
        ),
        (
            {"player": "{do: evolve, env: $arena, vision: $eye, patience: 2}"},
            "patience is of looks at a real environment",
        ),
        ({"player": "{do: evolve, env: $arena, vision: $eye, watch_every: 2}"}, "watch_every is of looks"),
        ({"player": "{do: evolve, env: $arena, vision: $eye, cell: true}"}, "cell is of a memory"),
        ({"play": "{do: rollouts, env: $arena, policy: sweep, hold: [1, 3]}"}, "hold is of what is done at random"),
        ({"best": "{do: choose, env: $arena, agents: {eye: $eye}}"}, "needs a model that acts"),
        (REMEMBERS | {"rounds": ROUNDS.format("strays: 0, explore: 0.1")}, "explore is of those who stray"),
        (REMEMBERS | {"rounds": ROUNDS.format("rounds: 1, recent: 2")}, "recent is of what the memory learns"),
        ({"best": "{do: choose, env: $arena, agents: {}}"}, "at least 1"),
        ({"codes": "{do: sequences, episodes: $arena, vision: $eye}"}, "needs an episodes"),
    ],
)
def test_a_wrong_recipe_is_refused_before_it_runs(changed: dict[str, str], words: str) -> None:
    with pytest.raises(RecipeError) as raised:
        check_text(recipe_of(**changed), get_registry())
    assert words.replace("an episodes", "episodes") in str(raised.value)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"memory": "{do: train, model: memory, data: $play, for: 1 steps}"}, "do: sequences"),
        (
            {
                "vae": "{do: train, model: vae, data: $play, for: 1 steps, batch: 8, set: {latent: 4}}",
                "codes": "{do: sequences, episodes: $play, vision: $vae}",
            },
            "world/vision is needed",
        ),
        (
            {
                "codes": "{do: sequences, episodes: $play, vision: $eye, length: 8}",
                "memory": "{do: train, model: memory, data: $codes, for: 1 steps, set: {hidden: 4}}",
                "new": "{do: curious, env: $arena, vision: $eye, memory: $memory, known: $codes, by: disagreement}",
            },
            "ensemble: 5",
        ),
        (
            {
                "codes": "{do: sequences, episodes: $play, vision: $eye, length: 8}",
                "memory": "{do: train, model: memory, data: $codes, for: 1 steps, set: {hidden: 4}}",
                "dream": "{do: dream, vision: $eye, memory: $memory, starts: $play}",
                "new": "{do: curious, env: $dream, vision: $eye, memory: $memory, known: $codes, by: surprise}",
            },
            "nothing surprises a memory in its own dream",
        ),
        (
            {"seen": "{do: coverage, env: $arena, episodes: {all: $play}, steps: 100000}"},
            "not all of the episodes have",
        ),
        (
            {
                "other": "{do: faces, n: 12, size: 64}",
                "large": "{do: train, model: vision, data: $other, for: 1 steps, batch: 8, set: {latent: 4, width: 4}}",
                "codes": "{do: sequences, episodes: $play, vision: $large}",
            },
            "do not fit",
        ),
        (
            {
                "codes": "{do: sequences, episodes: $play, vision: $eye, length: 8}",
                "memory": "{do: train, model: memory, data: $codes, for: 1 steps, set: {hidden: 4}}",
                "other": "{do: train, model: memory, data: $codes, for: 2 steps, set: {hidden: 4}}",
                "dream": "{do: dream, vision: $eye, memory: $memory, starts: $play}",
                "player": "{do: evolve, env: $dream, vision: $eye, memory: $other, generations: 1, population: 4}",
            },
            "the memory and the dream's do not fit",
        ),
        (
            {
                "codes": "{do: sequences, episodes: $play, vision: $eye, length: 8}",
                "memory": "{do: train, model: memory, data: $codes, for: 1 steps, set: {hidden: 4}}",
                "dream": "{do: dream, vision: $eye, memory: $memory, starts: $play}",
                "lost": "{do: rollouts, env: $dream, episodes: 2}",
            },
            "rollouts needs a real environment",
        ),
        (
            {
                "pole": POLE,
                "player": "{do: evolve, env: $arena, vision: $eye, generations: 1, population: 4, rollouts: 1}",
                "proof": "{do: score, env: $pole, agents: {player: $player}, episodes: 2, baselines: []}",
            },
            "the agent's actions and those of the environment do not fit: 3 choices and 2 choices",
        ),
        (
            {"pole": POLE, "more": "{do: rollouts, env: $pole, episodes: 2, first: $play}"},
            "the actions of 'first' and of the environment do not fit",
        ),
        (
            {
                "pole": POLE,
                "codes": "{do: sequences, episodes: $play, vision: $eye, length: 8}",
                "memory": "{do: train, model: memory, data: $codes, for: 1 steps, set: {hidden: 4}}",
                "player": "{do: evolve, env: $pole, vision: $eye, memory: $memory, generations: 1, population: 4}",
            },
            "the memory's actions and those of the environment do not fit: 3 and 2",
        ),
        (
            {"pole": POLE, "seen": "{do: coverage, env: $pole, episodes: {all: $play}, steps: 2}"},
            "their actions do not",
        ),
        (
            REMEMBERS | {"rounds": "{do: iterate, env: $arena, vision: $eye, memory: $memory, data: $play}"},
            "data needs the sequences that the memory was trained on",
        ),
        (
            REMEMBERS | {"rounds": "{do: iterate, env: $dream, vision: $eye, memory: $memory, data: $codes}"},
            "iterate needs a real environment",
        ),
        (
            REMEMBERS
            | {"pole": POLE, "rounds": "{do: iterate, env: $pole, vision: $eye, memory: $memory, data: $codes}"},
            "the actions of the sequences and of the environment do not fit",
        ),
        (
            REMEMBERS
            | {
                "sight": "{do: train, model: vision, data: $play, for: 2 steps, batch: 8, set: {latent: 4, width: 4}}",
                "rounds": "{do: iterate, env: $arena, vision: $sight, memory: $memory, data: $codes}",
            },
            "the sequences and the vision do not fit",
        ),
        (
            REMEMBERS
            | {
                "sight": "{do: train, model: vision, data: $play, for: 2 steps, batch: 8, set: {latent: 4, width: 4}}",
                "other": "{do: dream, vision: $sight, memory: $memory, starts: $codes}",
            },
            "the sequences and the vision do not fit",
        ),
        (
            REMEMBERS
            | {
                "player": "{do: evolve, env: $dream, vision: $eye, memory: $memory, generations: 1, population: 4}",
                "rounds": "{do: iterate, env: $arena, vision: $eye, memory: $memory, data: $codes, from: $player}",
            },
            "the agent of 'from' should know 4 numbers of a memory beside what it sees, and does not; see cell",
        ),
        (
            {
                "player": "{do: evolve, env: $arena, vision: $eye, generations: 1, population: 4, rollouts: 1}",
                "sight": "{do: train, model: vision, data: $play, for: 2 steps, batch: 8, set: {latent: 4, width: 4}}",
                "on": "{do: evolve, env: $arena, vision: $sight, from: $player, generations: 1, population: 4}",
            },
            "the agent of 'from' sees by a vision of other weights",
        ),
        (
            {
                "player": "{do: evolve, env: $arena, vision: $eye, generations: 1, population: 4, rollouts: 1}",
                "part": "{do: part, agent: $player, which: memory}",
            },
            "this agent has no memory",
        ),
        (
            {"toys": "{do: digits}", **REMEMBERS, "dream": "{do: dream, vision: $eye, memory: $memory, starts: $toys}"},
            "a dream begins with episodes",
        ),
    ],
)
def test_what_does_not_fit_is_told(changed: dict[str, str], words: str, tmp_path: Path) -> None:
    with pytest.raises(GdlError, match=words):
        run_text(recipe_of(**changed), tmp_path / "run")
