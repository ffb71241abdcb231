"""The environments that recipes can name, with their settings. Nothing heavy is imported before one is asked for."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from gdl_core.config import Settings
from gdl_core.errors import UnknownNameError, did_you_mean
from gdl_core.processes import cores
from gdl_world.environment import Actions, Environment, need

_RUN = ("stay", "left", "right")


class DodgeSettings(Settings):
    """Settings of `dodge`."""

    cap: int = Field(400, ge=1, le=100_000, description="steps after which an episode is cut off")
    tv: bool = Field(False, description="a screen on the wall shows noise while the player stands on the left")


@dataclass(frozen=True)
class Entry:
    """An environment by name: its settings, what it is in one line, and how it is made of its settings."""

    settings: type[Settings]
    summary: str
    build: Callable[[Settings], Environment]


def _dodge(settings: Settings) -> Environment:
    assert isinstance(settings, DodgeSettings)
    need("the environment dodge", "world", "gymnasium")
    from gdl_world.envs.dodge import SIZE, Dodge

    return Environment(
        name="dodge",
        shape=(3, SIZE, SIZE),
        actions=Actions(choices=3, still=0, sweep=(1, 2), names=_RUN),
        cap=settings.cap,
        make=lambda rows: Dodge(rows, settings.cap, settings.tv),
        slots=64,
        most=1024,
        periods=(8, 12, 16, 20, 24, 28, 32, 40),
        hold=(1, 8),
        about={"environment": "dodge", "version": 1, **settings.model_dump()},
    )


class Workers(Settings):
    """Settings of environments whose rows are stepped one after another."""

    workers: int = Field(0, ge=0, le=256, description="processes that share the rows; 0: as many as there are cores")


def _vector(
    name: str, settings: Workers, shape: tuple[int, int, int], actions: Actions, single: Callable[[], Any]
) -> Callable[[int], Any]:
    """Return what makes rows of a single environment, here or in several processes."""

    def make(rows: int) -> Any:
        from gdl_world.envs.many import Many
        from gdl_world.envs.spread import Spread

        workers = min(settings.workers or cores(), rows)
        if workers == 1:
            return Many(single, rows, shape, actions)
        return Spread(name, settings.model_dump(), rows, shape, workers)

    return make


class DoomSettings(Workers):
    """Settings of `takecover`."""

    skip: int = Field(4, ge=1, le=35, description="tics for which an action is held; 35 are a second")


def _doom(settings: Settings) -> Environment:
    assert isinstance(settings, DoomSettings)
    need("the environment takecover", "doom", "gymnasium", "vizdoom")
    from importlib.metadata import version

    from gdl_world.envs.doom import SIZE, TICS, TakeCover

    shape, actions, skip = (3, SIZE, SIZE), Actions(choices=3, still=0, sweep=(1, 2), names=_RUN), settings.skip
    return Environment(
        name="takecover",
        shape=shape,
        actions=actions,
        cap=-(-TICS // skip),
        make=_vector("takecover", settings, shape, actions, lambda: TakeCover(skip)),
        slots=16,
        most=16,
        periods=tuple(max(1, tics // skip) for tics in (32, 64, 88, 100, 116, 128, 144, 176)),
        hold=(1, max(1, 10 // skip)),
        about={"environment": "takecover", "version": version("vizdoom"), **settings.model_dump(exclude={"workers"})},
    )


class CarSettings(Workers):
    """Settings of `car`."""

    renderer: Literal["fast", "official", "none"] = Field(
        "fast", description="fast to learn with, official to be scored with; they show nearly the same; none: black"
    )
    skip: int = Field(1, ge=1, le=50, description="steps for which an action is held; 50 are a second")
    give_up: int = Field(
        0,
        ge=0,
        le=1000,
        description="steps without a new piece of track after which an episode ends, charged with what standing still "
        "to the end would cost; 0: never. It spares evolution the time of those who are lost",
    )


def _car(settings: Settings) -> Environment:
    assert isinstance(settings, CarSettings)
    need("the environment car", "box2d", "gymnasium", "Box2D", "pygame")
    import os
    from importlib.metadata import version

    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    from gdl_world.envs import car_view
    from gdl_world.envs.car import STEPS, Car

    shape, skip, renderer = (3, car_view.PIXELS, car_view.PIXELS), settings.skip, settings.renderer
    told = settings.model_dump(exclude={"workers"})
    blind = ((-0.1, -0.8, -1.0), (0.1, -0.8, -1.0))
    actions = Actions(numbers=3, still=(0.0, -1.0, -1.0), sweep=blind, names=("steer", "gas", "brake"))

    def make(settings: CarSettings) -> Callable[[int], Any]:
        return _vector("car", settings, shape, actions, lambda: Car(settings.renderer, skip, settings.give_up))

    return Environment(
        name={"fast": "car", "official": "car, official frames", "none": "car, unseen"}[renderer],
        shape=shape,
        actions=actions,
        cap=-(-STEPS // skip),
        make=make(settings),
        unseen=make(settings.model_copy(update={"renderer": "none"})),
        slots=16,
        most=32,
        periods=tuple(max(1, steps // skip) for steps in (10, 20, 40, 80, 160)),
        hold=(1, max(1, 20 // skip)),
        about={"environment": "CarRacing-v3", "version": version("gymnasium"), "view": car_view.VERSION, **told},
    )


class GymnasiumSettings(Workers):
    """Settings of environments of gymnasium."""

    size: int = Field(64, ge=8, le=512, description="pixels a side that pictures are shrunk to")
    cap: int = Field(1000, ge=1, le=1_000_000, description="steps after which an episode is cut off")
    skip: int = Field(1, ge=1, le=100, description="steps for which an action is held")
    keywords: dict[str, bool | int | float | str] = Field(
        {}, description="what its maker is told, like {continuous: true}"
    )

    @field_validator("keywords")
    @classmethod
    def _free(cls, keywords: dict[str, Any]) -> dict[str, Any]:
        if "render_mode" in keywords:
            raise PydanticCustomError("keywords", "render_mode is always rgb_array; leave it out")
        return keywords


def _told(settings: GymnasiumSettings) -> dict[str, Any]:
    return settings.model_dump(exclude={"workers"} if settings.keywords else {"workers", "keywords"})


def _any_gymnasium(name: str) -> Entry:
    def build(settings: Settings) -> Environment:
        assert isinstance(settings, GymnasiumSettings)
        from importlib.metadata import version

        from gdl_world.envs.any_gymnasium import AnyGymnasium

        shape, cap = (3, settings.size, settings.size), settings.cap

        def alone() -> AnyGymnasium:
            return AnyGymnasium(name, settings.size, settings.skip, settings.keywords)

        one = alone()
        one.close()
        return Environment(
            name=name,
            shape=shape,
            actions=one.actions,
            cap=cap,
            make=_vector(name, settings, shape, one.actions, alone),
            slots=8,
            most=16,
            periods=(1, 2, 4, 8, 16, 32),
            hold=(1, 8),
            about={"environment": name, "version": version("gymnasium"), **_told(settings)},
        )

    return Entry(GymnasiumSettings, "An environment of gymnasium.", build)


ENVIRONMENTS: Mapping[str, Entry] = {
    "dodge": Entry(DodgeSettings, "Balls fall and are thrown; run left and right. Built in.", _dodge),
    "car": Entry(CarSettings, "Gymnasium's CarRacing-v3, with a fast renderer to learn with.", _car),
    "takecover": Entry(DoomSettings, "VizDoom's Take Cover: run left and right, and live.", _doom),
}


def find(name: str) -> Entry:
    """Return the environment of that name, ours or gymnasium's.

    Raises:
        UnknownNameError: there is none.
        MissingExtraError: it may be gymnasium's, which is not installed.
    """
    if name in ENVIRONMENTS:
        return ENVIRONMENTS[name]
    if not did_you_mean(name, ENVIRONMENTS):
        need(f"the environment {name}, if it is gymnasium's,", "world", "gymnasium")
    known: list[str] = list(ENVIRONMENTS)
    if importlib.util.find_spec("gymnasium") is not None:
        import gymnasium

        if name in gymnasium.registry:
            return _any_gymnasium(name)
        known += gymnasium.registry
    ours = ", ".join(ENVIRONMENTS)
    raise UnknownNameError(
        f"unknown environment '{name}'{did_you_mean(name, known)} (there are {ours}, and gymnasium's by their ids)"
    )
