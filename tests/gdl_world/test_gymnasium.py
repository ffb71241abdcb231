"""Any environment of gymnasium, by its id, and what is said of one that will not do."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest

from gdl_core.errors import DataError, MissingExtraError, UnknownNameError
from gdl_world.baselines import Sweep, baseline
from gdl_world.environment import Actions
from gdl_world.envs.catalogue import find
from gdl_world.play import play

LIMITS = np.array([-2.0, 0.0], np.float32), np.array([2.0, 4.0], np.float32)


class Lamp(gymnasium.Env[Any, Any]):
    """A picture that grows brighter; it ends by chance."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"]}

    def __init__(self, render_mode: str | None = None, shows: bool = True, kind: str = "box") -> None:
        self.render_mode, self.shows = render_mode, shows
        box = gymnasium.spaces.Box(*LIMITS)
        self.action_space = {
            "box": box, "choices": gymnasium.spaces.Discrete(4, start=3), "odd": gymnasium.spaces.MultiBinary(3),
        }[kind]  # fmt: skip
        self.observation_space = (
            gymnasium.spaces.Box(0, 255, (20, 30, 3), np.uint8) if shows else gymnasium.spaces.Box(0, 1, (1,))
        )
        self.light = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.light, self.last = int(self.np_random.integers(200)), None
        return self._see(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.last = action
        self.light = (self.light + 10) % 256
        return self._see(), 0.5, bool(self.np_random.random() < 0.05), False, {}

    def render(self) -> Any:
        return np.full((20, 30, 3), self.light, np.uint8) if self.shows is not None else "none"

    def _see(self) -> Any:
        return self.render() if self.shows else np.zeros(1, np.float32)


class Broken(Lamp):
    """Fails at one of the things that it is asked for."""

    def __init__(self, render_mode: str | None = None, at: str = "") -> None:
        super().__init__(render_mode, shows=False)
        self.at = at

    def reset(self, **more: Any) -> tuple[Any, dict[str, Any]]:
        self._fail("reset")
        return super().reset(**more)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self._fail("step")
        return super().step(action)

    def render(self) -> Any:
        self._fail("render")
        return np.zeros((20, 30, 3), np.uint8)

    def _fail(self, where: str) -> None:
        if where == self.at:
            raise RuntimeError("no display\x1b[31m\nand more")


@pytest.fixture(autouse=True)
def lamps() -> Iterator[None]:
    for name, more in {"Lamp-v0": {}, "Blind-v0": {"shows": False}, "Lots-v0": {"kind": "choices"}}.items():
        gymnasium.register(name, entry_point=Lamp, kwargs=more, disable_env_checker=True, order_enforce=False)
    gymnasium.register("Odd-v0", entry_point=Lamp, kwargs={"kind": "odd"}, disable_env_checker=True)
    gymnasium.register("Dark-v0", entry_point=Lamp, kwargs={"shows": None}, disable_env_checker=True)
    broken = [f"Broken-{at}-v0" for at in ("reset", "step", "render")]
    for name in broken:
        gymnasium.register(name, entry_point=Broken, kwargs={"at": name.split("-")[1]}, disable_env_checker=True)
    yield
    for name in ("Lamp-v0", "Blind-v0", "Lots-v0", "Odd-v0", "Dark-v0", *broken):
        del gymnasium.registry[name]


def _env(name: str, **settings: Any) -> Any:
    entry = find(name)
    return entry.build(entry.settings.model_validate({"size": 8, "cap": 30, "workers": 1, **settings}))


@pytest.mark.parametrize("name", ["Lamp-v0", "Blind-v0", "Lots-v0"])
def test_it_is_played_like_any_other(name: str) -> None:
    env = _env(name)
    assert env.shape == (3, 8, 8)
    seen: list[np.ndarray] = []
    worlds = env.make(3)
    earned, steps, ended = play(worlds, baseline("random", env), [1, 2, 3], env.cap, lambda t, f, *rest: seen.append(f))
    assert np.allclose(earned, 0.5 * steps)
    assert ((steps < env.cap) <= ended).all()
    assert all(len(np.unique(frames[0])) == 1 for frames in seen)
    again, _, _ = play(env.make(1), baseline("random", env), [2], env.cap)
    assert again[0] == earned[1]
    worlds.close()


def test_actions_reach_it_in_its_own_numbers() -> None:
    env = _env("Lamp-v0")
    assert env.actions.numbers == 2
    worlds = env.make(1)
    worlds.reset(seed=[1])
    worlds.step(np.array([[-1.0, 0.5]], np.float32))
    assert worlds.singles[0].env.unwrapped.last == pytest.approx([-2.0, 3.0])
    lots = _env("Lots-v0")
    assert lots.actions.choices == 4
    worlds = lots.make(1)
    worlds.reset(seed=[1])
    worlds.step(np.array([2]))
    assert worlds.singles[0].env.unwrapped.last == 5


def test_an_action_is_held() -> None:
    worlds = _env("Lamp-v0", skip=3).make(1)
    first, _ = worlds.reset(seed=[4])
    frames, reward, over, _, _ = worlds.step(np.zeros((1, 2), np.float32))
    assert reward[0] == 1.5
    assert not over[0]
    assert int(frames.max()) == (int(first.max()) + 30) % 256


def test_its_maker_is_told_keywords() -> None:
    pytest.importorskip("Box2D", reason="needs the extra box2d")
    plain, continuous = (_env("LunarLander-v3", keywords=told) for told in ({}, {"continuous": True}))
    assert (plain.actions.choices, plain.actions.numbers) == (4, 0)
    assert (continuous.actions.choices, continuous.actions.numbers) == (0, 2)
    assert plain.described != continuous.described
    with pytest.raises(DataError, match=r"LunarLander-v3 cannot be made: .*nonsense"):
        _env("LunarLander-v3", keywords={"nonsense": 1})
    with pytest.raises(ValueError, match="render_mode is always rgb_array"):
        _env("LunarLander-v3", keywords={"render_mode": "human"})


def test_what_will_not_do_is_refused_in_words() -> None:
    with pytest.raises(DataError, match="choices or a row of bounded numbers"):
        _env("Odd-v0")
    worlds = _env("Dark-v0").make(1)
    with pytest.raises(DataError, match="shows no pictures"):
        worlds.reset(seed=[1])
    with pytest.raises(UnknownNameError, match="did you mean 'dodge'"):
        find("dogde")
    with pytest.raises(UnknownNameError, match="did you mean 'Lamp-v0'"):
        find("Lamp-v1")


@pytest.mark.parametrize(
    ("at", "words"), [("reset", "cannot be begun"), ("step", "cannot be played"), ("render", "cannot be drawn")]
)
def test_what_fails_in_it_is_one_line(at: str, words: str) -> None:
    with pytest.raises(DataError, match=words) as raised:
        play(_env(f"Broken-{at}-v0").make(1), Sweep(Actions(numbers=2, still=(0.0, 0.0)), 0), [1], 3)
    assert "no display" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "\x1b" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [
        ("dodge", "gymnasium", "world"),
        ("takecover", "vizdoom", "doom"),
        ("car", "Box2D", "box2d"),
        ("car", "pygame", "box2d"),
        ("CartPole-v1", "gymnasium", "world"),
    ],
)
def test_an_environment_whose_extra_is_missing_says_what_to_type(
    name: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda one, *rest: None if one == module else there(one, *rest))

    def build() -> None:
        entry = find(name)
        entry.build(entry.settings.model_validate({}))

    with pytest.raises(MissingExtraError, match=rf"pip install 'gdl-toolkit\[{extra}\]'"):
        build()
