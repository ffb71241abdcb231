"""How far made samples lie from held-out ones as two clouds: Fréchet distance and kernel distance in one space.

The Fréchet distance takes each cloud for a Gaussian: d² = |m − m'|² + tr(C + C' − 2 (C C')^½) (Dowson & Landau 1982; of
generative models Heusel et al. 2017, eq. 6), told squared, as is usual. The kernel distance is the squared maximum mean
discrepancy under k(x, y) = (x·y / d + 1)³ for d numbers, unbiased, so that it is 0 on average for two sets of one kind
and may be negative (Bińkowski et al. 2018, §4). Both are in features of a probe or in principal components, and so are
no FID and no KID, which are defined by the features of one Inception network.

Two spaces have numbers of any size. So the mean of training samples is taken from all, and they are divided by the root
of the mean variance of training samples: then both distances have about one scale in every space. The Fréchet distance
of two finite sets of one kind is above 0, the more so the fewer they are (Chong & Forsyth 2020), so that only sets of
equal size are compared, and training samples, which are no model's, stand beside it as the floor.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gdl_core.errors import MissingExtraError
from gdl_core.measures.spaces import Space
from gdl_core.measures.subject import Measurement, Subject

BLOCK = 2000
"""Most samples of each side in one matrix of kernels; of more, the mean over blocks is told."""
FEWEST = 20


def frechet_distance(real: Tensor, made: Tensor) -> float:
    """Return the squared Fréchet distance of the Gaussians with the moments of two sets, (n, numbers) and (m, numbers).

    In the squared unit of the numbers, 0 or more; computed in float64 by torchmetrics.

    Raises:
        MissingExtraError: torchmetrics is not installed.
    """
    try:
        from torchmetrics.image.fid import FrechetInceptionDistance as FrechetDistance
    except ImportError as error:
        raise MissingExtraError("the Fréchet distance", "metrics") from error

    distance = FrechetDistance(feature=_Features(real.shape[1])).set_dtype(torch.float64)
    middle = real.double().mean(0)  # a shift changes nothing, but moments about the middle keep their digits
    distance.update(real.double() - middle, real=True)
    distance.update(made.double() - middle, real=False)
    return max(0.0, float(distance.compute()))


class _Features(torch.nn.Module):
    """An extractor for what are features already; torchmetrics asks it how many they are."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features: int = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def kernel_distance(real: Tensor, made: Tensor, size: int = BLOCK) -> tuple[float, float]:
    """Return the unbiased squared kernel distance of two sets, both (n, numbers) with n > 2, and its standard error.

    Without a unit; may be negative. Sets of more than `size` are cut alike, in their order, into blocks of about one
    size, and the mean over blocks is taken. The error is the jackknife's, which leaves out one sample of each side at a
    time (Efron & Stein 1981).

    Raises:
        MissingExtraError: torchmetrics is not installed.
    """
    try:
        from torchmetrics.image.kid import maximum_mean_discrepancy, poly_kernel
    except ImportError as error:
        raise MissingExtraError("the kernel distance", "metrics") from error
    blocks = -(-len(real) // size)
    values, variances = [], []
    for ours, theirs in zip(real.double().tensor_split(blocks), made.double().tensor_split(blocks), strict=True):
        kernels = poly_kernel(ours, ours), poly_kernel(ours, theirs), poly_kernel(theirs, theirs)
        values.append(float(maximum_mean_discrepancy(*kernels)))
        variances.append(_jackknife(*kernels))
    return sum(values) / blocks, sum(variances) ** 0.5 / blocks


def _jackknife(ours: Tensor, across: Tensor, theirs: Tensor) -> float:
    """Return the variance of the unbiased distance from its kernels, each (n, n)."""
    n = len(ours)
    within = (ours.sum(1) - ours.diagonal()) + (theirs.sum(1) - theirs.diagonal())
    between = across.sum(1) + across.sum(0) - across.diagonal()
    without = (within.sum() - 2 * within) / ((n - 1) * (n - 2)) - 2 * (across.sum() - between) / (n - 1) ** 2
    return float((n - 1) * without.var(correction=0))


def measure(subject: Subject) -> list[Measurement]:
    """Return both distances of the model's samples to held-out ones, each beside the same of the baselines."""
    space = Space(subject)
    n = space.n
    if n < FEWEST:
        return []
    middle, scale = space.train.double().mean(0), space.train.double().var(0).mean().sqrt()
    if scale == 0:
        return []
    order = subject.noise.stream("blocks").permutation(n)  # held-out samples may be sorted by a label

    def placed(samples: Tensor) -> Tensor:
        return ((samples.double() - middle) / scale)[order]

    real, made = placed(space.real), placed(space.made)
    others = {
        "training samples": placed(space.train),
        f"{space.distinct} training samples repeated": placed(space.repeated),
        "even noise": placed(space.noise),
    }
    kernel, error = kernel_distance(real, made)
    about = (
        f"{n} made and {n} held-out samples, {space.name}, less their training mean and "
        f"divided by the root mean variance of training samples, {float(scale):.4g}"
    )
    few = f"; {n} samples for {real.shape[1]} numbers are few: look at the floor" if n <= 2 * real.shape[1] else ""
    return [
        Measurement("Fréchet distance", frechet_distance(real, made), "squared", "lower",
                    {name: frechet_distance(real, other) for name, other in others.items()}, n, about + few),
        Measurement("kernel distance", kernel, "squared", "lower",
                    {name: kernel_distance(real, other)[0] for name, other in others.items()}, n,
                    f"{about}; cubic kernel, unbiased; ± {1.96 * error:.2g} (95 %)"),
    ]  # fmt: skip
