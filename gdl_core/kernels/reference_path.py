"""Lines through latent space in plain torch: right for every floating type and device, differentiable twice."""

from __future__ import annotations

import torch
from torch import Tensor

from gdl_core.kernels.reference import widen

# Below this sine of the angle between two vectors a spherical line is a straight one.
_FLAT_SINE = 1e-4


def _arc_weights(a: Tensor, b: Tensor, segment: Tensor, u: Tensor, normalize: bool) -> list[Tensor]:
    """Return the spherical weights of both ends (segments, rows, cols) for each step and row, float64 (steps, rows)."""
    aa, bb, ab = ((x * y).sum(-1).double() for x, y in ((a, a), (b, b), (a, b)))
    defined = (aa > 0) & (bb > 0)
    # Values that no result depends on are replaced before roots and arcs, whose derivatives are infinite there.
    norm_a, norm_b = (torch.where(defined, x, 1.0).sqrt() for x in (aa, bb))
    cosine = torch.where(defined, ab / (norm_a * norm_b), 1.0).clamp(-1.0, 1.0)
    curved = torch.where(cosine.isnan(), 0.0, torch.sin(torch.acos(cosine.detach()))) > _FLAT_SINE
    omega = torch.acos(torch.where(curved, cosine, 0.0))[segment]
    u, curved = u[:, None], curved[segment]
    weight_b = torch.where(curved, torch.sin(u * omega) / torch.sin(omega), u)
    weight_a = torch.where(curved, torch.cos(u * omega) - torch.cos(omega) * weight_b, 1.0 - u)
    if normalize:
        norm_a, norm_b = norm_a[segment], norm_b[segment]
        norm = (1.0 - u) * norm_a + u * norm_b
        known = defined[segment]
        weight_a = torch.where(known, norm * weight_a / norm_a, weight_a)
        weight_b = torch.where(known, norm * weight_b / norm_b, weight_b)
    return [weight_a, weight_b]


def _spline_weights(u: Tensor) -> list[Tensor]:
    """Return the weights of the four keyframes round a segment, (steps, 1): Catmull and Rom 1974."""
    u = u[:, None]
    u2, u3 = u * u, u * u * u
    return [(2 * u2 - u3 - u) / 2, (3 * u3 - 5 * u2 + 2) / 2, (4 * u2 - 3 * u3 + u) / 2, (u3 - u2) / 2]


def path(keyframes: Tensor, t: Tensor, mode: str, normalize: bool, closed: bool) -> Tensor:
    """Return the points at times t of the line through keyframes (count, rows, cols): (steps, rows, cols)."""
    points, count = widen(keyframes), len(keyframes)
    time = t.double().remainder(count) if closed else t.double()
    segments = count if closed else count - 1
    segment = time.detach().nan_to_num(0.0).floor().clamp(0, segments - 1).long()
    u = time - segment
    if closed:
        around = torch.cat((points[-1:], points, points[:2]))
    else:  # beyond its ends an open line goes on as if the next keyframe lay straight ahead
        around = torch.cat((2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]))
    if mode == "catmull-rom":
        weights, first = _spline_weights(u), 0
    elif mode == "slerp":
        a, b = around[1 : segments + 1], around[2 : segments + 2]
        weights, first = _arc_weights(a, b, segment, u, normalize), 1
    else:
        weights, first = [1.0 - u[:, None], u[:, None]], 1
    out = sum(w[..., None].to(points.dtype) * around[segment + first + i] for i, w in enumerate(weights))
    assert isinstance(out, Tensor)
    return out.to(keyframes.dtype)
