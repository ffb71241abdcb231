"""Are made pictures as sharp as the data? Two energies of edges, each as a ratio to held-out pictures: 1 is right.

The energy of the gradient is the mean over pixels of (x[i, j + 1] − x[i, j])² + (x[i + 1, j] − x[i, j])² (Subbarao et
al. 1993). The Laplacian variance is that of x[i − 1, j] + x[i + 1, j] + x[i, j − 1] + x[i, j + 1] − 4 x[i, j] over
the pixels of a picture (Pech-Pacheco et al. 2000), which looks at finer detail. Both are taken of the mean of the
colour channels and averaged over pictures before the ratio is formed. Blur lowers them, and so does a lack of
contrast; noise raises them, so more is not better. Held-out pictures blurred with a Gaussian of one pixel show what a
ratio means.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from gdl_core.measures.spaces import Space
from gdl_core.measures.subject import Measurement, Subject, chunks

SIGMA = 1.0
_RADIUS = 4
_SMALLEST = 3


def gradient_energy(pictures: Tensor) -> Tensor:
    """Return the mean squared difference of neighbouring pixels, across and down, of pictures (n, c, h, w); (n,)."""
    grey = _grey(pictures)
    across, down = grey[:, :-1, 1:] - grey[:, :-1, :-1], grey[:, 1:, :-1] - grey[:, :-1, :-1]
    return (across.square() + down.square()).mean(dim=(1, 2))


def laplacian_variance(pictures: Tensor) -> Tensor:
    """Return the variance over its pixels of the five-point Laplacian of each picture (n, c, h, w); (n,)."""
    grey = _grey(pictures)
    sides = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    return (sides - 4 * grey[:, 1:-1, 1:-1]).var(dim=(1, 2), correction=0)


def blur(pictures: Tensor, sigma: float = SIGMA) -> Tensor:
    """Return pictures (n, c, h, w) blurred with a Gaussian of `sigma` pixels, their edges repeated."""
    steps = torch.arange(-_RADIUS, _RADIUS + 1, dtype=pictures.dtype)
    weights = torch.exp(-0.5 * (steps / sigma) ** 2)
    weights = weights / weights.sum()
    n, channels, height, width = pictures.shape
    one = F.pad(pictures.reshape(n * channels, 1, height, width), (_RADIUS,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(one, weights[None, None, None, :]), weights[None, None, :, None]).reshape(pictures.shape)


def measure(subject: Subject) -> list[Measurement]:
    """Return both ratios beside those of the baselines; nothing where samples are not pictures of 3 × 3 or more."""
    dataset = subject.dataset
    if not dataset.is_pictures or min(dataset.shape[1:]) < _SMALLEST:
        return []
    space = Space(subject)
    n = space.n

    def read(rows: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
        pairs = [(gradient_energy(part.double()), laplacian_variance(part.double())) for part in rows]
        return torch.cat([pair[0] for pair in pairs]), torch.cat([pair[1] for pair in pairs])

    held_out, train = chunks(subject.some_held_out(n)), chunks(space.some_train(n))
    real = read(dataset.tensor(part) for part in held_out)
    made = read(torch.split(subject.made[:n], 1024))
    others = {
        "training samples": read(dataset.tensor(part) for part in train),
        f"held-out samples blurred by {SIGMA:g} pixel": read(blur(dataset.tensor(part)) for part in held_out),
        "even noise": read(torch.split(space.even_noise(), 1024)),
    }
    found = []
    for which, name in enumerate(("gradient energy", "Laplacian variance")):
        floor = float(real[which].mean())
        if floor == 0:
            continue
        ratio = float(made[which].mean()) / floor
        error = _error(made[which], real[which])
        note = (
            f"{n} made and {n} held-out samples, whose own is {floor:.4g}; 1 is as sharp; ± {1.96 * error:.2g} (95 %)"
        )
        baselines = {baseline: float(values[which].mean()) / floor for baseline, values in others.items()}
        found.append(Measurement(f"sharpness, {name}", ratio, "of held-out samples", "none", baselines, n, note))
    return found


def _error(made: Tensor, real: Tensor) -> float:
    """Return the standard error of mean(made) / mean(real), to first order."""
    ratio = made.mean() / real.mean()
    return float((made.var() / len(made) + ratio.square() * real.var() / len(real)).sqrt() / real.mean())


def _grey(pictures: Tensor) -> Tensor:
    """Return the mean of the colour channels, (n, height, width); a fourth channel is transparency, no colour."""
    return pictures[:, :3].mean(1)
