"""A dream is an environment, its noise is that of its seeds, and packing changes nothing of what is earned."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import closing

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from world_toys import agent, arena, dream, memory, vision

from gdl_core.errors import DataError
from gdl_core.noise import Noise
from gdl_world.alone import Alone
from gdl_world.controller import decide, parameter_count, told
from gdl_world.curiosity import Curiosity, CuriousEnv
from gdl_world.dream import DreamEnv, moved
from gdl_world.environment import Actions
from gdl_world.fit import need_dream
from gdl_world.memory import Outlook
from gdl_world.play import AgentPolicy, dream_returns, episode_seeds, play
from gdl_world.rows import actions_of
from gdl_world.stage import Stage

SEEDS = torch.tensor([11, 12, 13])


def _population(n: int, remembers: bool = True) -> torch.Tensor:
    return Noise(8).normal(n, (len(agent(remembers).parameters_of_controller),))


def test_a_dream_is_the_same_alone_and_in_company() -> None:
    world = dream()
    actions = [np.array([0, 1, 2, 1, 0]) for _ in range(8)]
    many, one = DreamEnv(world, 5), DreamEnv(world, 1)
    many.reset(seed=[1, 2, 3, 4, 5])
    one.reset(seed=[4])
    for action in actions:
        here, reward, *_ = many.step(action)
        there, alone, *_ = one.step(action[3:4])
        np.testing.assert_allclose(here[3], there[0], rtol=1e-5, atol=1e-6)
        assert reward[3] == pytest.approx(alone[0], rel=1e-5, abs=1e-6)


def test_the_same_seed_dreams_the_same_dream_and_another_seed_another() -> None:
    runs = []
    for seed in (5, 5, 6):
        env = DreamEnv(dream(), 2)
        env.reset(seed=seed)
        runs.append(np.stack([env.step(np.array([1, 2]))[0] for _ in range(5)]))
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_an_ended_row_stands_still_and_can_be_begun_again() -> None:
    env = DreamEnv(dream(ended=0.01), 3)  # whatever is likelier than that ends it
    first, _ = env.reset(seed=[1, 2, 3])
    seen, reward, over, cut, info = env.step(np.array([0, 1, 2]))
    assert over.all()
    assert not cut.any()
    assert (info["ended"] > 0.001).all(), "a tenth of the odds that ends are weighed with"
    again, reward, over, _, _ = env.step(np.array([0, 1, 2]))
    assert np.array_equal(again, seen)
    assert not over.any()
    assert (reward == 0).all()
    begun, _ = env.reset(seed=[1, 9, 9], options={"reset_mask": np.array([True, False, False])})
    assert np.array_equal(begun[0], first[0])
    assert np.array_equal(begun[1:], seen[1:])


def test_rows_at_different_times_have_the_noise_of_theirs() -> None:
    world = dream(cap=50)
    env, other = DreamEnv(world, 2), DreamEnv(world, 1)
    env.reset(seed=[1, 2])
    env.step(np.array([0, 0]))
    env.reset(seed=[7, 0], options={"reset_mask": np.array([True, False])})
    other.reset(seed=[7])
    for _ in range(3):
        np.testing.assert_allclose(
            env.step(np.array([2, 1]))[0][0], other.step(np.array([2]))[0][0], rtol=1e-5, atol=1e-6
        )


def test_a_row_that_has_ended_begins_another_by_itself_where_it_is_told_to() -> None:
    world = dream(cap=3)
    env, other = DreamEnv(world, 2, AutoresetMode.NEXT_STEP), DreamEnv(world, 1)
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    env.reset(seed=[1, 2])
    for _ in range(3):
        *_, cut, _ = env.step(np.array([0, 1]))
    assert cut.all()
    seen, reward, over, cut, info = env.step(np.array([2, 2]))
    assert not (over | cut).any()
    assert (reward == 0).all()
    assert (info["ended"] == 0).all()
    begun, _ = other.reset(seed=[4])  # two seeds on
    assert np.array_equal(seen[1], begun[0])
    np.testing.assert_allclose(env.step(np.array([0, 1]))[0][1], other.step(np.array([1]))[0][0], rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="with the next step or not at all"):
        DreamEnv(world, 2, AutoresetMode.SAME_STEP)


def test_gymnasium_counts_its_episodes() -> None:
    env = RecordEpisodeStatistics(DreamEnv(dream(cap=3), 2, AutoresetMode.NEXT_STEP))
    env.reset(seed=1)
    told = [env.step(env.action_space.sample())[-1] for _ in range(8)]
    ends = [info["episode"]["l"].tolist() for info in told if "episode" in info]
    assert ends == [[3, 3], [3, 3]]


@pytest.mark.parametrize("world", ["dream", "dodge", "curious"])
def test_gymnasium_finds_nothing_wrong_with_a_row_alone(world: str) -> None:
    env = arena()
    made: dict[str, Callable[[], VectorEnv]] = {
        "dream": lambda: DreamEnv(dream(), 1),
        "dodge": lambda: env.make(1),
        "curious": lambda: CuriousEnv(
            env.make(1), vision(), Curiosity(memory(), "surprise", -9.0, 1.0), env.actions
        ),
    }  # fmt: skip
    alone = Alone(made[world](), render_mode="rgb_array")
    with warnings.catch_warnings():
        # V's numbers have no bounds, which gymnasium takes for an oversight.
        warnings.filterwarnings("ignore", message=r".*observation space m\w+ value is -?infinity", category=UserWarning)
        check_env(alone, skip_render_check=True)
    alone.reset(seed=3)
    assert alone.render().shape == (32, 32, 3)
    alone.close()
    assert Alone(env.make(1)).render() is None
    with pytest.raises(ValueError, match="this environment has 2"):
        Alone(env.make(2))


def test_one_seed_decides_all_that_is_drawn_after_it() -> None:
    found = []
    for _ in range(2):
        env = DreamEnv(dream(), 2)
        env.reset(seed=np.int64(5))  # type: ignore[arg-type]
        found.append(env.reset()[0])
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], DreamEnv(dream(), 2).reset(seed=5)[0])


def test_its_spaces_hold_what_it_gives() -> None:
    env = DreamEnv(dream(cap=3), 4)
    seen, _ = env.reset(seed=1)
    assert env.observation_space.contains(seen)
    for time in range(3):
        seen, _, over, cut, _ = env.step(env.action_space.sample())
        assert env.observation_space.contains(seen)
        assert (over | cut).all() == (time == 2)
    assert env.frames().shape == (4, 32, 32, 3)


def test_components_come_as_often_as_they_weigh() -> None:
    world = dream()
    n = 20_000
    logits = torch.log(torch.tensor([0.2, 0.5, 0.3])).expand(n, 1, 3)
    mean = torch.tensor([-10.0, 0.0, 10.0]).expand(n, 1, 3)
    outlook = Outlook(logits, mean, torch.full_like(mean, -3.0), torch.zeros(n), torch.zeros(n))
    drawn = world.draw(outlook, torch.rand(n, 1), torch.randn(n, 1))[:, 0]
    shares = [float(((drawn - at).abs() < 2).float().mean()) for at in (-10.0, 0.0, 10.0)]
    assert shares == pytest.approx([0.2, 0.5, 0.3], abs=0.02)
    near = drawn[(drawn.abs() < 2)]
    assert float(near.std()) == pytest.approx(np.exp(-3.0), rel=0.05)


@pytest.mark.parametrize("remembers", [True, False])
def test_packing_changes_nothing(remembers: bool) -> None:
    world, player = dream(ended=0.25, cap=40, doubt=20), agent(remembers)
    population = _population(4, remembers)
    packed = dream_returns(player, population, world, SEEDS)
    loose = dream_returns(player, population, world, SEEDS, pack=False)
    assert packed[1].min() < packed[1].max(), "nothing ended early, so that nothing was packed"
    assert torch.equal(packed[1], loose[1])
    torch.testing.assert_close(packed[0], loose[0])


def test_candidates_meet_the_same_dreams() -> None:
    world, player = dream(cap=20), agent()
    population = _population(1).repeat(3, 1)
    earned, lasted = dream_returns(player, population, world, SEEDS)
    torch.testing.assert_close(earned[0], earned[1])
    torch.testing.assert_close(earned[0], earned[2])
    assert torch.equal(lasted[0], lasted[2])


def test_a_population_plays_a_dream_as_its_environment_does() -> None:
    world, player = dream(cap=15), agent()
    population = _population(2)
    earned, _ = dream_returns(player, population, world, SEEDS)
    env = DreamEnv(world, 3)
    for candidate, parameters in enumerate(population):
        z, _ = env.reset(seed=SEEDS.tolist())
        state, total = None, np.zeros(3)
        for _ in range(15):
            action, state = player.decide(torch.from_numpy(z), state, parameters)
            z, reward, *_ = env.step(action.numpy())
            total += reward
        np.testing.assert_allclose(earned[candidate].numpy(), total, rtol=1e-4)


def test_bf16_is_near() -> None:
    world, player = dream(cap=5, ended=0.99), agent()
    wide, _ = dream_returns(player, _population(3), world, SEEDS)
    narrow, _ = dream_returns(player, _population(3), world, SEEDS, precision=torch.bfloat16)
    assert torch.allclose(wide, narrow, rtol=0.1, atol=0.1)


def test_a_population_outside_plays_as_each_alone() -> None:
    env, player = arena(), agent()
    population, seeds = _population(3), [5, 6]
    object.__setattr__(env, "most", 4)  # not all six at once
    with closing(Stage(env)) as stage:
        earned = stage.returns(player, population, seeds)
        assert np.array_equal(stage.returns(player, population, seeds), earned)
    for candidate, parameters in enumerate(population):
        alone, _, _ = play(env.make(2), AgentPolicy(player, parameters[None].repeat(2, 1)), seeds, env.cap)
        assert np.array_equal(earned[candidate], alone)
    with closing(Stage(env)) as stage:  # fewer episodes than halves
        assert stage.returns(player, population[:1], seeds[:1]) == earned[0, 0]


def test_an_agent_acts_as_its_policy_says() -> None:
    player, env = agent(), arena()
    frames, _ = env.make(3).reset(seed=[1, 2, 3])
    x = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255
    first, state = player.act(x, None, Noise(1))
    again, _ = player.act(x, None, Noise(1))
    assert torch.equal(first, again)
    assert first.dtype == torch.int64
    assert state[0].shape == (3, 16)
    alone, _ = player.act(x[2:], None, Noise(1).at(2))
    assert alone[0] == first[2]


def test_an_agent_that_sees_means_has_no_doubt() -> None:
    player, env = agent(), arena()
    frames, _ = env.make(2).reset(seed=[1, 2])
    x = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255
    seen: dict[bool, list[torch.Tensor]] = {}
    for draws in (True, False):
        player.config = player.config.model_copy(update={"draws": draws})
        policies = [AgentPolicy(player), AgentPolicy(player)]
        for policy, seeds in zip(policies, ([1, 2], [3, 4]), strict=True):
            policy.begin(seeds)
            policy.act(frames, np.zeros(2, dtype=np.int64))
        seen[draws] = [policy.z for policy in policies]
    assert not torch.equal(*seen[True])
    assert torch.equal(*seen[False])
    torch.testing.assert_close(seen[False][0], player.look(x).mean)
    population = Noise(8).normal(1, (len(player.parameters_of_controller),)).expand(50, -1)
    sure = {int(player.decide(player.look(x).mean[:1], None, parameters)[0]) for parameters in population}
    acted = {int(player.act(x[:1], None, Noise(seed))[0]) for seed in range(20)}
    assert len(sure) == len(acted) == 1


def test_a_controller_is_a_matrix_and_a_bias() -> None:
    actions = Actions(numbers=2)
    parameters = Noise(1).normal(1, (parameter_count(3, actions),))[0]
    known = Noise(2).normal(5, (3,))
    matrix = parameters.reshape(4, 2)
    wanted = torch.tanh(known @ matrix[:3] + matrix[3])
    torch.testing.assert_close(decide(parameters, known, actions), wanted)
    torch.testing.assert_close(decide(parameters.repeat(5, 1), known, actions), wanted)
    assert torch.equal(told(wanted, actions), wanted)
    assert told(torch.tensor([1]), Actions(choices=3)).tolist() == [[0, 1, 0]]


def test_episodes_of_a_stream_have_seeds_of_their_own() -> None:
    seeds = episode_seeds(Noise(1), 0, 1000)
    assert len(set(seeds)) == 1000
    assert seeds[5:10] == episode_seeds(Noise(1), 5, 5)
    assert all(0 <= seed < 1 << 31 for seed in seeds)
    assert not set(seeds) & set(episode_seeds(Noise(2), 0, 1000))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_dreams_what_a_cpu_dreams() -> None:
    world, player, population = dream(cap=20), agent(), _population(4)
    here, lasted = dream_returns(player, population, world, SEEDS)
    there, also = dream_returns(player.cuda(), population, moved(world, "cuda"), SEEDS)
    assert torch.equal(lasted, also)
    torch.testing.assert_close(here, there, rtol=1e-3, atol=1e-3)


def test_ends_are_as_probable_as_they_were_weighed() -> None:
    model = memory()
    assert model.config.ended_weight == 10
    odds = torch.tensor([0.1, 1.0, 10.0])  # of a loss that weighs ends ten times
    found = model.end_probability(odds.log())
    torch.testing.assert_close(found / (1 - found), odds / 10)


def test_another_dream_than_its_own_is_refused() -> None:
    player, world = agent(), dream()
    need_dream(player, world)
    with torch.no_grad():
        world.memory.head.bias[0] += 1.0
    with pytest.raises(DataError, match="agent and dream have memories of other weights"):
        need_dream(player, world)
    need_dream(agent(remembers=False), world)
    with torch.no_grad():
        next(world.vision.parameters()).mul_(2.0)
    with pytest.raises(DataError, match="agent and dream have visions of other weights"):
        need_dream(agent(remembers=False), world)


def test_of_two_choices_the_sweep_takes_both() -> None:
    for n, sweep in ((1, (0, 0)), (2, (0, 1)), (3, (1, 2)), (5, (1, 4))):
        assert actions_of("x", gymnasium.spaces.Discrete(n)).sweep == sweep
