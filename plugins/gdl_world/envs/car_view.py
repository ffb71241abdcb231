"""What the camera of CarRacing sees, made without its renderer: the track is drawn once into a map, where each frame is
looked up, and the car, which always stands upright in the same place, is drawn upon that.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from gymnasium.envs.box2d.car_dynamics import SIZE, WHEEL_R, WHEEL_W, WHEEL_WHITE
from gymnasium.envs.box2d.car_racing import GRASS_DIM, PLAYFIELD, SCALE, STATE_H, WINDOW_H, WINDOW_W, ZOOM
from numpy.typing import NDArray
from PIL import Image, ImageDraw

PIXELS = 64
"""Pixels a side of a frame."""

VERSION = 2
"""Raised where the same scene comes to look otherwise, if only by a level."""

ROWS = 84
"""Of the official frame, above the instruments."""

_MAP = 2  # pixels of the map a unit of the world
_FINE = 2  # places a pixel, along each side, that are looked up and averaged
_SHARP = 4  # the car is drawn so many times larger
_REACH = 4.0  # units of the world around a car's middle that it stays within
_SIDE = int(2 * PLAYFIELD * _MAP)
_LOOKS_UP = WINDOW_H / 4  # pixels of the window below the car's middle
_AHEAD = WINDOW_H - _LOOKS_UP  # pixels of the window from its upper edge to the car's middle
_ACROSS = WINDOW_W / (PIXELS * _FINE)  # pixels of the window between places
_DOWN = WINDOW_H * ROWS / STATE_H / (PIXELS * _FINE)

Frame = NDArray[np.uint8]
Polygon = list[tuple[float, float]]


class View:
    """What is seen of one car on one track."""

    def __init__(self) -> None:
        self._zoom = -1.0

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
        self._track = ground.copy()
        self._track.paste(part.reduce(2), (left, top))

    def frame(self, env: Any) -> Frame:
        """Return what is seen now, (PIXELS, PIXELS, 3)."""
        hull = env.car.hull
        zoom = 0.1 * SCALE * max(1 - env.t, 0) + ZOOM * SCALE * min(env.t, 1)
        cosine, sine = (part * _MAP / zoom for part in (math.cos(hull.angle), math.sin(hull.angle)))
        x, y = _on_map(hull.position[0], hull.position[1])
        # From places of the fine frame to those of the map: turned with the car, whose middle stays where it is seen.
        place = (
            _ACROSS * cosine, _DOWN * sine, x - cosine * WINDOW_W / 2 - sine * _AHEAD,
            -_ACROSS * sine, _DOWN * cosine, y + sine * WINDOW_W / 2 - cosine * _AHEAD,
        )  # fmt: skip
        fine = (PIXELS * _FINE, PIXELS * _FINE)
        seen = self._track.transform(fine, Image.Transform.AFFINE, place, Image.Resampling.NEAREST).reduce(_FINE)
        return self._with_car(np.array(seen), zoom)

    def meet(self, car: Any) -> None:
        """Learn the shapes of a car, which do not change while it drives."""
        self._car, self._zoom = car, -1.0
        self._hull, *self._wheels = (_shapes(body) for body in (car.hull, *car.wheels))

    def _with_car(self, frame: Frame, zoom: float) -> Frame:
        """Draw wheels, and the hull above them, into the part of a frame that they can be in."""
        if zoom != self._zoom:
            self._stand(zoom)
        left, top, right, below = self._part
        hull = self._car.hull
        patch = Image.fromarray(frame[top:below, left:right])
        big = patch.resize((patch.width * _SHARP, patch.height * _SHARP), Image.Resampling.NEAREST)
        pen = ImageDraw.Draw(big)
        cosine, sine = math.cos(-hull.angle), math.sin(-hull.angle)
        for wheel, shapes in zip(self._car.wheels, self._wheels, strict=True):
            away = (wheel.position[0] - hull.position[0], wheel.position[1] - hull.position[1])
            place = (cosine * away[0] - sine * away[1], sine * away[0] + cosine * away[1])
            turned = wheel.angle - hull.angle
            for points, colour in shapes:
                pen.polygon(self._on_patch(points, turned, place, zoom), fill=colour)
            stripe = _stripe(wheel.phase)
            if stripe is not None:
                pen.polygon(self._on_patch(stripe, turned, place, zoom), fill=WHEEL_WHITE)
        for corners, colour in self._standing:
            pen.polygon(corners, fill=colour)
        frame[top:below, left:right] = np.asarray(big.reduce(_SHARP))
        return frame

    def _stand(self, zoom: float) -> None:
        """Find the part of a frame that a car is in, and the hull's place there; once it has zoomed in, they stay."""
        self._zoom = zoom
        reach = _REACH * zoom
        left, top = _on_frame(WINDOW_W / 2 - reach, WINDOW_H - _LOOKS_UP - reach)
        right, below = _on_frame(WINDOW_W / 2 + reach, WINDOW_H - _LOOKS_UP + reach)
        self._part = (
            max(math.floor(left), 0),
            max(math.floor(top), 0),
            min(math.ceil(right), PIXELS),
            min(math.ceil(below), PIXELS),
        )
        self._standing = [(self._on_patch(points, 0.0, (0.0, 0.0), zoom), colour) for points, colour in self._hull]

    def _on_patch(self, points: Polygon, turned: float, place: tuple[float, float], zoom: float) -> list[float]:
        """Return corners of a body on the enlarged part of a frame, x and y in turn."""
        cosine, sine = math.cos(turned), math.sin(turned)
        result = []
        for x, y in points:
            right, ahead = x * cosine - y * sine + place[0], x * sine + y * cosine + place[1]
            column, row = _on_frame(right * zoom + WINDOW_W / 2, WINDOW_H - ahead * zoom - _LOOKS_UP)
            result += [(column - self._part[0]) * _SHARP - 0.5, (row - self._part[1]) * _SHARP - 0.5]
        return result


def _shapes(body: Any) -> list[tuple[Polygon, tuple[int, ...]]]:
    """Return the polygons of a body, each with its colour."""
    colour = tuple(int(part * 255) for part in body.color)
    return [([(x, y) for x, y in fixture.shape.vertices], colour) for fixture in body.fixtures]


def _on_frame(x: float, y: float) -> tuple[float, float]:
    """Return where a pixel of the window is on a frame."""
    return x * PIXELS / WINDOW_W, y * PIXELS * STATE_H / (WINDOW_H * ROWS)


def _on_map(x: float, y: float, scale: int = 1) -> tuple[float, float]:
    return (x + PLAYFIELD) * _MAP * scale, (PLAYFIELD - y) * _MAP * scale


@cache
def _grass() -> tuple[Image.Image, Image.Image]:
    """Return the map without a track, twice as large and as it is: grass, and the patches that are laid on it."""
    ground = Image.new("RGB", (_SIDE, _SIDE), (102, 204, 102))
    pen = ImageDraw.Draw(ground)
    for x in range(-20, 20, 2):
        for y in range(-20, 20, 2):
            left, below = _on_map(GRASS_DIM * x, GRASS_DIM * y)
            right, above = _on_map(GRASS_DIM * (x + 1), GRASS_DIM * (y + 1))
            pen.rectangle((round(left), round(above), round(right) - 1, round(below) - 1), fill=(102, 230, 102))
    return ground.resize((2 * _SIDE, 2 * _SIDE), Image.Resampling.NEAREST), ground


def _stripe(phase: float) -> Polygon | None:
    """Return the corners of the white stripe on a wheel, where it is on its upper side, or None."""
    first, last = phase, phase + 1.2
    high, low = math.cos(first), math.cos(last)
    if math.sin(first) > 0 and math.sin(last) > 0:
        return None
    if math.sin(first) > 0:
        high = float(np.sign(high))
    if math.sin(last) > 0:
        low = float(np.sign(low))
    half, reach = WHEEL_W * SIZE, WHEEL_R * SIZE
    return [(-half, reach * high), (half, reach * high), (half, reach * low), (-half, reach * low)]
