"""Walks through a latent space: a line, a circle, a Lissajous figure, a pointer's track, or through given keyframes.

Every path holds exactly the number of frames asked for, evenly spaced in time; an open path has both of its ends, a
loop ends one frame before it began, so that it repeats without a stutter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from gdl_core.errors import InputError, did_you_mean
from gdl_core.kernels import latent_path
from gdl_core.latent.planes import Plane

Mode = Literal["lerp", "slerp", "catmull-rom"]
MODES: tuple[Mode, ...] = ("lerp", "slerp", "catmull-rom")
SHAPES = ("line", "circle", "lissajous")

Points = NDArray[np.float32]


def through(keyframes: ArrayLike, frames: int, mode: Mode = "slerp", loop: bool = False) -> Points:
    """Return a path through keyframes (k, *latent shape), float32 (frames, *latent shape).

    Between two keyframes it goes straight ("lerp"), along the arc between their directions ("slerp"; Shoemake 1985), or
    on a curve without a bend at either ("catmull-rom"; Catmull and Rom 1974), each segment in the same time. An open
    path begins at the first keyframe and ends at the last one, bit for bit; a loop goes on from the last to the first
    and stops one frame short of it. A keyframe that a frame falls on is met
    exactly.

    Raises:
        InputError: there is no keyframe, fewer than one frame, or an unknown mode.
    """
    points = _finite_points(keyframes)
    if mode not in MODES:
        raise InputError(f"unknown kind of path '{mode}'{did_you_mean(mode, MODES)}; it is lerp, slerp or catmull-rom")
    if len(points) == 0:
        raise InputError("a path needs at least one point to go through")
    segments = len(points) - (not loop)
    times = _times(frames, segments, loop)
    if len(points) == 1:
        return np.repeat(points, frames, axis=0)
    flat = torch.from_numpy(points.reshape(len(points), -1))
    path = latent_path(flat, torch.from_numpy(times.astype(np.float32)), mode=mode, closed=loop)
    return cast("Points", path.numpy().reshape(frames, *points.shape[1:]))


def line(start: ArrayLike, end: ArrayLike, frames: int) -> Points:
    """Return the straight path between two points (*latent shape), both ends included, float32 (frames, …)."""
    return through(np.stack([np.asarray(start), np.asarray(end)]), frames, "lerp")


def circle(plane: Plane, frames: int, radius: float = 1.0, turns: int = 1, phase: float = 0.0) -> Points:
    """Return a loop around the plane's origin, float32 (frames, *latent shape): it begins on the right and turns left.

    Args:
        plane: the plane that it lies in.
        frames: how many points; the one after the last would be the first again.
        radius: in units of the plane.
        turns: how often it goes round.
        phase: where it begins, as a share of a turn.
    """
    angle = 2 * pi * (phase + turns * _times(frames, 1, loop=True))
    return plane.at(radius * np.stack([np.cos(angle), np.sin(angle)], axis=1))


def lissajous(
    plane: Plane, frames: int, radius: float = 1.0, across: int = 3, up: int = 2, phase: float = 0.25
) -> Points:
    """Return the loop (sin(across·t + phase), sin(up·t)) of radius `radius`, float32 (frames, *latent shape).

    Whole numbers `across` and `up` without a common divisor make it fill the square and close after one round.
    """
    time = 2 * pi * _times(frames, 1, loop=True)
    return plane.at(radius * np.stack([np.sin(across * time + 2 * pi * phase), np.sin(up * time)], axis=1))


def track(plane: Plane, points: ArrayLike, frames: int | None = None, loop: bool = False) -> Points:
    """Return the path of a pointer that visited places (k, 2) of a plane, float32 (frames, *latent shape).

    Without `frames` there is one frame for each place; otherwise the track is walked at even speed.

    Raises:
        InputError: the places are not (k, 2) finite numbers.
    """
    places = _finite_points(points).astype(np.float64)
    if places.ndim != 2 or places.shape[1] != 2:
        raise InputError(f"a track is a list of places (x, y), got an array of shape {places.shape}")
    if frames is None:
        return plane.at(places)
    if loop:
        places = np.concatenate([places, places[:1]])
    lengths = np.linalg.norm(np.diff(places, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    wanted = _times(frames, 1, loop) * along[-1]
    return plane.at(np.stack([np.interp(wanted, along, places[:, axis]) for axis in (0, 1)], axis=1))


@dataclass(frozen=True)
class Evenness:
    """How evenly a film moves: the largest and the mean distance of neighbouring frames, and their ratio."""

    largest: float
    mean: float

    @property
    def ratio(self) -> float:
        """Largest over mean; 1 is perfectly even, and a film that does not move is even."""
        return self.largest / self.mean if self.mean > 0 else 1.0


def evenness(frames: NDArray[np.generic], loop: bool = False) -> Evenness:
    """Measure the root-mean-square steps between neighbouring frames (frames, …), in a loop also back to the first."""
    flat = np.asarray(frames, np.float64).reshape(len(frames), -1)
    if loop and len(flat) > 1:
        flat = np.concatenate([flat, flat[:1]])
    if len(flat) < 2:
        return Evenness(0.0, 0.0)
    steps = np.sqrt(np.mean(np.diff(flat, axis=0) ** 2, axis=1))
    return Evenness(float(steps.max()), float(steps.mean()))


def _times(frames: int, segments: int, loop: bool) -> NDArray[np.float64]:
    """Return evenly spaced times from 0 to the number of segments; the last one is left out of a loop."""
    if frames < 1:
        raise InputError(f"a path has at least one frame, got {frames}")
    # Multiplied before divided, so that a time that should be whole is.
    return np.arange(frames) * segments / max(frames if loop else frames - 1, 1)


def _finite_points(points: ArrayLike | Sequence[ArrayLike]) -> Points:
    try:
        array = np.ascontiguousarray(points, dtype=np.float32)
    except (ValueError, TypeError) as error:
        raise InputError(f"points of a path should be numbers, all of one shape ({error})") from error
    if array.ndim < 2:
        raise InputError(f"a path goes through a list of points, got an array of shape {array.shape}")
    if not np.isfinite(array).all():
        raise InputError("a point of a path is not finite")
    return array
