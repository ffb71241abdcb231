"""CarRacing-v3, seen by the official renderer, or by a fast one that looks the track up in a map drawn once an episode.
Either draws only what somebody sees: not the steps for which an action is held.

Frames are those of Ha & Schmidhuber 2018: the 84 upper rows of the official 96 × 96, without the bar of instruments,
shrunk to 64 × 64. Actions are their three numbers of [-1, 1]: the steering, the gas, of which -1 is none and 0 half,
and the brake, which is pressed above 0. So a controller that knows nothing yet drives. One may learn on fast frames;
what counts is what it earns on official ones.
"""

from __future__ import annotations

import math
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np
from gymnasium.envs.box2d.car_dynamics import SIZE, WHEEL_R, WHEEL_W, WHEEL_WHITE
from gymnasium.envs.box2d.car_racing import (
    GRASS_DIM,
    PLAYFIELD,
    SCALE,
    STATE_H,
    WINDOW_H,
    WINDOW_W,
    ZOOM,
    CarRacing,
)
from numpy.typing import NDArray
from PIL import Image, ImageDraw

PIXELS = 64
"""Pixels a side of a frame."""

STEPS = 1000
_COST = 0.1  # of a step
_ROWS = 84  # of the official frame, above the instruments
_MAP = 2  # pixels of the map a unit of the world
_FINE = 2  # places a pixel, along each side, that are looked up and averaged; `frame` counts on two
_SHARP = 4  # the car is drawn so many times larger
_SIDE = int(2 * PLAYFIELD * _MAP)
_LOOKS_UP = WINDOW_H / 4  # pixels of the window below the car's middle

Frame = NDArray[np.uint8]
Points = NDArray[np.float64]


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
        upper = Image.fromarray(np.ascontiguousarray(np.asarray(seen)[:_ROWS]))
        return np.array(upper.resize((PIXELS, PIXELS), Image.Resampling.BOX))


class View:
    """What the camera sees: the track from a map, and the car, which always stands upright in the same place."""

    def __init__(self) -> None:
        self._track = np.zeros(_SIDE * _SIDE + 1, dtype=np.uint32)  # the last one is what lies beyond
        across = (np.arange(PIXELS * _FINE) + 0.5) / (PIXELS * _FINE) * WINDOW_W - WINDOW_W / 2
        down = (np.arange(PIXELS * _FINE) + 0.5) / (PIXELS * _FINE) * WINDOW_H * _ROWS / STATE_H
        self._across, self._up = across, WINDOW_H - down - _LOOKS_UP  # pixels of the window, from the car's middle

    def draw_track(self, polygons: Any) -> None:
        """Draw a track, larger and made smaller again, so that its edges are smooth, and no more than where it lies."""
        places = [[_on_map(x, y, 2) for x, y in corners] for corners, _ in polygons]
        ends = np.array([place for corners in places for place in corners])
        left, top = (int(end) // 2 for end in np.floor(ends.min(0) - 1).clip(0, 2 * _SIDE - 2))
        right, below = (int(end) // 2 + 1 for end in np.ceil(ends.max(0) + 1).clip(0, 2 * _SIDE - 1))
        large, ground = _grass()
        part = large.crop((2 * left, 2 * top, 2 * right, 2 * below))
        pen = ImageDraw.Draw(part)
        for corners, (_, colour) in zip(places, polygons, strict=True):
            moved = [(x - 2 * left, y - 2 * top) for x, y in corners]
            pen.polygon(moved, fill=tuple(int(level) for level in colour))
        whole = self._track[:-1].reshape(_SIDE, _SIDE)
        whole[:] = ground
        whole[top:below, left:right] = _words(part.reduce(2))

    def frame(self, env: Any) -> Frame:
        """Return what is seen now."""
        hull = env.car.hull
        zoom = 0.1 * SCALE * max(1 - env.t, 0) + ZOOM * SCALE * min(env.t, 1)
        cosine, sine = (part * _MAP / zoom for part in (math.cos(hull.angle), math.sin(hull.angle)))
        x, y = _on_map(hull.position[0], hull.position[1])
        column = ((self._across * cosine + x)[None] - (self._up * sine)[:, None]).astype(np.int32)
        row = ((y - self._across * sine)[None] - (self._up * cosine)[:, None]).astype(np.int32)
        index = row * _SIDE + column
        if column.min() < 0 or row.min() < 0 or column.max() >= _SIDE or row.max() >= _SIDE:
            beyond = (column < 0) | (row < 0) | (column >= _SIDE) | (row >= _SIDE)
            index[beyond] = _SIDE * _SIDE
        seen = self._track.take(index).view(np.uint8).reshape(2 * PIXELS, 2 * PIXELS, 4)
        rows = seen[0::2].astype(np.uint16) + seen[1::2]
        small = ((rows[:, 0::2] + rows[:, 1::2]) >> 2).astype(np.uint8)
        return self._with_car(np.ascontiguousarray(small[..., :3]), zoom)

    def meet(self, car: Any) -> None:
        """Learn the shapes of a car, which do not change while it drives."""
        self._bodies = [*car.wheels, car.hull]
        self._shapes = [
            (number, np.array(fixture.shape.vertices), tuple(int(part * 255) for part in body.color))
            for number, body in enumerate(self._bodies)
            for fixture in body.fixtures
        ]

    def _with_car(self, frame: Frame, zoom: float) -> Frame:
        """Draw wheels and hull into the part of a frame that they can be in."""
        shapes = []
        for number, points, colour in self._shapes:
            shapes.append((number, points, colour))
            stripe = _stripe(self._bodies[number])
            if stripe is not None:
                shapes.append((number, np.array(stripe), WHEEL_WHITE))
        hull = self._bodies[-1]
        angles = np.array([body.angle for body in self._bodies]) - hull.angle
        places = np.array([tuple(body.position) for body in self._bodies]) - tuple(hull.position)
        ends = np.cumsum([len(points) for _, points, _ in shapes])
        body = np.repeat([number for number, _, _ in shapes], np.diff(ends, prepend=0))
        x, y = np.concatenate([points for _, points, _ in shapes]).T
        # a body's corners turn with it, and its place with the camera, which looks the way the hull does
        cosine, sine = np.cos(angles)[body], np.sin(angles)[body]
        right, ahead = _turn(-hull.angle) @ places.T
        seen_x = (x * cosine - y * sine + right[body]) * zoom + WINDOW_W / 2
        seen_y = WINDOW_H - (x * sine + y * cosine + ahead[body]) * zoom - _LOOKS_UP
        corners = np.stack((seen_x * PIXELS / WINDOW_W, seen_y * PIXELS * STATE_H / (WINDOW_H * _ROWS)), axis=1)
        left, top = np.floor(corners.min(0)).astype(int).clip(0, PIXELS - 1)
        right_end, below = np.ceil(corners.max(0)).astype(int).clip(1, PIXELS)
        if right_end <= left or below <= top:
            return frame
        patch = Image.fromarray(frame[top:below, left:right_end])
        big = patch.resize((patch.width * _SHARP, patch.height * _SHARP), Image.Resampling.NEAREST)
        pen = ImageDraw.Draw(big)
        for part, (_, _, colour) in zip(
            np.split((corners - (left, top)) * _SHARP - 0.5, ends[:-1]), shapes, strict=True
        ):
            pen.polygon(part.ravel().tolist(), fill=colour)
        frame[top:below, left:right_end] = np.asarray(big.reduce(_SHARP))
        return frame


def _turn(angle: float) -> Points:
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def _on_map(x: float, y: float, scale: int = 1) -> tuple[float, float]:
    return (x + PLAYFIELD) * _MAP * scale, (PLAYFIELD - y) * _MAP * scale


@cache
def _grass() -> tuple[Image.Image, NDArray[np.uint32]]:
    """Return the map without a track, twice as large and as words: grass, and the patches that are laid on it."""
    ground = Image.new("RGB", (_SIDE, _SIDE), (102, 204, 102))
    pen = ImageDraw.Draw(ground)
    for x in range(-20, 20, 2):
        for y in range(-20, 20, 2):
            left, below = _on_map(GRASS_DIM * x, GRASS_DIM * y)
            right, above = _on_map(GRASS_DIM * (x + 1), GRASS_DIM * (y + 1))
            pen.rectangle((round(left), round(above), round(right) - 1, round(below) - 1), fill=(102, 230, 102))
    return ground.resize((2 * _SIDE, 2 * _SIDE), Image.Resampling.NEAREST), _words(ground)


def _words(picture: Image.Image) -> NDArray[np.uint32]:
    """Return the pixels of a picture as a word each, (height, width)."""
    words: NDArray[np.uint32] = np.asarray(picture.convert("RGBX")).view(np.uint32)[..., 0]
    return words


def _stripe(body: Any) -> list[tuple[float, float]] | None:
    """Return the corners of the white stripe on a wheel that is on its upper side, or None."""
    if not hasattr(body, "phase"):
        return None
    first, last = body.phase, body.phase + 1.2
    high, low = math.cos(first), math.cos(last)
    if math.sin(first) > 0 and math.sin(last) > 0:
        return None
    if math.sin(first) > 0:
        high = float(np.sign(high))
    if math.sin(last) > 0:
        low = float(np.sign(low))
    half, reach = WHEEL_W * SIZE, WHEEL_R * SIZE
    return [(-half, reach * high), (half, reach * high), (half, reach * low), (-half, reach * low)]
