"""How evenly pictures change along straight lines of the latent space.

For pairs of held-out samples, the line between their posterior means is decoded at 33 evenly spaced places; each
line's number is its largest root-mean-square step over its mean step. 1 is perfectly even (a cross-fade of the two
pictures, or a line in principal coordinates); 32 is one single jump. Told is the median over the pairs, and the
quartiles as its spread.
"""

from __future__ import annotations

import numpy as np

from gdl_core.latent.paths import evenness, line
from gdl_core.latent.tiles import decode_rows
from gdl_core.measures.subject import Measurement, Subject

PAIRS = 64
FRAMES = 33


def measure(subject: Subject) -> list[Measurement]:
    """Return the median ratio and the 95 % quantile over pairs drawn at random."""
    order = subject.noise.stream("smoothness").permutation(len(subject.held_out)).numpy()
    pairs = min(PAIRS, len(order) // 2)
    codes = subject.held_out_posterior.mean.numpy()
    ratios, steps = [], []
    for a, b in zip(order[:pairs], order[pairs : 2 * pairs], strict=True):
        moved = evenness(decode_rows(subject.trained, line(codes[a], codes[b], FRAMES)).numpy())
        if moved.mean > 0:
            ratios.append(moved.ratio)
            steps.append(moved.mean)
    if not ratios:
        return []
    low, median, high, worst = np.quantile(ratios, [0.25, 0.5, 0.75, 0.95])
    note = f"{FRAMES} places a line; quartiles {low:.2f} to {high:.2f}; mean step {np.mean(steps):.4f}"
    if len(ratios) < pairs:
        note += f"; {pairs - len(ratios)} lines did not move and are left out"
    baselines = {"cross-fade": 1.0, "one jump": float(FRAMES - 1)}
    name = "largest step over mean step along a line"
    return [
        Measurement(f"{name}, median", float(median), "", "lower", baselines, len(ratios), note),
        Measurement(f"{name}, worst of twenty", float(worst), "", "lower", baselines, len(ratios), note),
    ]
