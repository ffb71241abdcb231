"""CarRacing-v3, seen by the official renderer, or by a fast one that looks the track up in a map drawn once an episode.
Either draws only what somebody sees: not the steps for which an action is held.

Frames are those of Ha & Schmidhuber 2018: the 84 upper rows of the official 96 × 96, without the bar of instruments,
shrunk to 64 × 64. Actions are their three numbers of [-1, 1]: the steering, the gas, of which -1 is none and 0 half,
and the brake, which is pressed above 0. So a controller that knows nothing yet drives. One may learn on fast frames;
what counts is what it earns on official ones.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from gymnasium.envs.box2d.car_racing import CarRacing
from PIL import Image

from gdl_world.envs.car_view import PIXELS, ROWS, Frame, View

STEPS = 1000
_COST = 0.1  # of a step


class _Unseen(CarRacing):
    """The physics, without the drawing that they spend nearly all their time in."""

    def _render(self, mode: str) -> Any:
        return None


class Car:
    """One car on one track.

    Args:
        renderer: "official" draws with pygame, "fast" looks the track up, "none" shows black.
        skip: steps for which an action is held.
        give_up: steps without a new piece of track after which the episode ends; 0: none. What standing still to the
            end would cost is charged, so that it earns what it would if it came to nothing more.
    """

    def __init__(self, renderer: str, skip: int, give_up: int = 0) -> None:
        self.renderer, self.skip, self.give_up, self.steps, self.idle = renderer, skip, give_up, 0, 0
        self.env: Any = _Unseen(continuous=True)
        self.view = View() if renderer == "fast" else None

    def reset(self, seed: int) -> Frame:
        """Begin the episode of this seed, on a track of its own."""
        self.env.reset(seed=seed)
        self.steps = self.idle = 0
        if self.view is not None:
            self.view.draw_track(self.env.road_poly)
            self.view.meet(self.env.car)
        return self._frame()

    def step(self, action: Any) -> tuple[Frame, float, bool, bool]:
        """Steer and press the pedals, for as many steps as actions are held."""
        steer, gas, brake = (float(number) for number in np.clip(np.asarray(action, dtype=np.float64), -1, 1))
        done = np.array([steer, (gas + 1) / 2, max(brake, 0.0)])
        total, ended = 0.0, False
        for _ in range(self.skip):
            _, reward, ended, _, _ = self.env.step(done)
            self.steps += 1
            total += float(reward)
            self.idle = 0 if reward > 0 else self.idle + 1
            if 0 < self.give_up <= self.idle and not ended and self.steps < STEPS:
                total, ended = total - _COST * (STEPS - self.steps), True
            if ended or self.steps >= STEPS:
                break
        return self._frame(), total, bool(ended), not ended and self.steps >= STEPS

    def close(self) -> None:
        """Close it; what goes wrong in that is nobody's loss."""
        with suppress(Exception):
            self.env.close()

    def _frame(self) -> Frame:
        if self.view is not None:
            return self.view.frame(self.env)
        if self.renderer == "none":
            return np.zeros((PIXELS, PIXELS, 3), dtype=np.uint8)
        seen = CarRacing._render(self.env, "state_pixels")
        upper = Image.fromarray(np.ascontiguousarray(np.asarray(seen)[:ROWS]))
        return np.array(upper.resize((PIXELS, PIXELS), Image.Resampling.BOX))
