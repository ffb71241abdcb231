"""Training pictures moved a little, so that a probe does not hold on to where things happen to stand."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from gdl_core.noise import Noise


def move(x: Tensor, noise: Noise, shift: float, rotate: float) -> Tensor:
    """Return pictures (batch, channels, height, width), each shifted and turned about its middle at random.

    Bilinear; beyond the edge the edge is repeated. Row i of the noise belongs to picture i.

    Args:
        x: the pictures.
        noise: where the draws come from.
        shift: most that is shifted down and across, each way, as a share of the side.
        rotate: most that is turned, each way, in degrees.
    """
    height, width = x.shape[2:]
    across, down, turned = (2 * noise.uniform(len(x), (3,)) - 1).T
    angle = turned * math.radians(rotate)
    cos, sin, ratio = angle.cos(), angle.sin(), height / width
    # From places in the result to places in the picture; sides have the length 2, whatever their pixels.
    rows = (
        torch.stack([cos, -sin * ratio, 2 * shift * across], 1),
        torch.stack([sin / ratio, cos, 2 * shift * down], 1),
    )
    matrix = torch.stack(rows, 1).to(x.device, x.dtype)
    grid = F.affine_grid(matrix, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)
