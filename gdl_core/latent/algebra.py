"""Arithmetic with directions of a latent space: add, subtract, scale, and take out what others already say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gdl_core.errors import InputError
from gdl_core.noise import Noise
from gdl_core.values import Vector

Floats = NDArray[np.float32]


def apply(z: ArrayLike, vector: Vector, strength: ArrayLike = 1.0) -> Floats:
    """Return points moved along a vector: z + strength · vector, float32.

    Args:
        z: points, (n, *latent shape).
        vector: the direction.
        strength: one number, or a list of them, which then lead the result: (strengths, n, *latent shape).

    Raises:
        InputError: the shapes differ, or a strength is not finite.
    """
    points, direction = np.asarray(z, np.float32), vector.direction
    if points.shape[1:] != direction.shape:
        raise InputError(
            f"vector '{vector.name}' belongs to a latent space of shape {direction.shape}, "
            f"the points to one of {points.shape[1:]}; use vectors with the model they were made with"
        )
    amounts = np.asarray(strength, np.float64)
    if amounts.ndim > 1 or not np.isfinite(amounts).all():
        raise InputError("a strength is a finite number, or a list of them")
    steps = amounts.reshape(*amounts.shape, *(1,) * points.ndim) * direction.astype(np.float64)
    return cast("Floats", (points + steps).astype(np.float32))


def add(a: Vector, b: Vector) -> Vector:
    """Return a + b."""
    return _combine(a, b, 1.0, f"{a.name} + {b.name}")


def subtract(a: Vector, b: Vector) -> Vector:
    """Return a − b."""
    return _combine(a, b, -1.0, f"{a.name} - {b.name}")


def scale(a: Vector, factor: float) -> Vector:
    """Return factor · a."""
    direction = (factor * a.direction.astype(np.float64)).astype(np.float32)
    return replace(a, direction=direction, name=f"{factor:g} {a.name}")


def length(a: Vector) -> float:
    """Return the Euclidean length."""
    return float(np.linalg.norm(a.direction.astype(np.float64)))


def cosine(a: Vector, b: Vector) -> float:
    """Return the cosine of the angle between two vectors, in [−1, 1]; 0 if one has no length."""
    _same_space(a, b)
    product = length(a) * length(b)
    inner = float(np.sum(a.direction.astype(np.float64) * b.direction.astype(np.float64)))
    return max(-1.0, min(1.0, inner / product)) if product > 0 else 0.0


def orthogonalise(vector: Vector, others: Sequence[Vector]) -> Vector:
    """Return what is left of a vector when its parts along others are taken out (least squares).

    Raises:
        InputError: nothing is left, or the vectors belong to different latent spaces.
    """
    if not others:
        return vector
    for other in others:
        _same_space(vector, other)
    against = np.stack([other.direction.astype(np.float64).ravel() for other in others], axis=1)
    whole = vector.direction.astype(np.float64).ravel()
    shares, *_ = np.linalg.lstsq(against, whole, rcond=None)
    rest = whole - against @ shares
    if np.linalg.norm(rest) <= 1e-6 * np.linalg.norm(whole):
        raise InputError(f"vector '{vector.name}' is made of the others alone; nothing of its own is left")
    facts = {
        **vector.facts,
        "kept": float(np.linalg.norm(rest) / np.linalg.norm(whole)),
        "length": float(np.linalg.norm(rest)),
    }
    return replace(vector, direction=rest.reshape(vector.direction.shape).astype(np.float32), facts=facts)


def random_like(vector: Vector, noise: Noise) -> Vector:
    """Return a random direction of the same length: the control that any claim about a vector needs."""
    draw = noise.normal(1, vector.direction.shape)[0].double().numpy()
    direction = draw * (length(vector) / max(float(np.linalg.norm(draw)), 1e-30))
    name, facts = f"random, as long as {vector.name}", {"length": length(vector)}
    return Vector(direction.astype(np.float32), name, facts, vector.space)


def _combine(a: Vector, b: Vector, sign: float, name: str) -> Vector:
    _same_space(a, b)
    direction = a.direction.astype(np.float64) + sign * b.direction.astype(np.float64)
    facts = {"length": float(np.linalg.norm(direction))}
    return Vector(direction.astype(np.float32), name, facts, a.space or b.space)


def _same_space(a: Vector, b: Vector) -> None:
    if a.direction.shape != b.direction.shape:
        raise InputError(
            f"vectors '{a.name}' and '{b.name}' belong to latent spaces of different shapes, "
            f"{a.direction.shape} and {b.direction.shape}"
        )
    if a.space and b.space and a.space != b.space:
        raise InputError(f"vectors '{a.name}' and '{b.name}' belong to different spaces, {a.space} and {b.space}")
