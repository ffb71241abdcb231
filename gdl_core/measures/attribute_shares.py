"""How often a model makes each category of each column, beside how often the data have it, as one probe judges both.

A share has its 95 % interval (Wilson 1927). The total variation of a column, ½ Σ |p − q| over its categories, is the
greatest difference between the chances of anything that the column tells; what two samples of the data differ by is
told by training samples. A category that is made less often than the intervals of both allow is named: a mode that a
model drops is seen here where the shares are known by name, and in recall and coverage where they are not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gdl_core.measures.intervals import wilson
from gdl_core.measures.judged import Judged, total_variation
from gdl_core.measures.subject import Measurement, Subject


def measure(subject: Subject) -> list[Measurement]:
    """Return the share of each category and the total variation of each column; nothing without a probe."""
    if subject.extractor is None:
        return []
    judged = Judged(subject, subject.extractor)
    return [one for column in judged.sizes for one in _column(judged, column)]


def _column(judged: Judged, column: str) -> list[Measurement]:
    names, n = judged.names(column), judged.n

    def counts(codes: dict[str, NDArray[np.int64]]) -> NDArray[np.int64]:
        return np.bincount(codes[column], minlength=len(names))

    made, real = counts(judged.made), counts(judged.real)
    others = {name: counts(codes) for name, codes in judged.baselines.items()}
    found, rare = [], []
    for code, name in enumerate(names):
        (low, high), (real_low, real_high) = wilson(made[code], n), wilson(real[code], n)
        if high < real_low:
            rare.append(f"{name} ({made[code]} of {n}, held-out {real[code]})")
        beside = {"held-out samples": real, "training samples": others["training samples"]}
        intervals = f"95 %: made {low:.3f} to {high:.3f}, held-out {real_low:.3f} to {real_high:.3f}"
        found.append(
            Measurement(
                f"share of {column} = {name}",
                float(made[code] / n),
                "",
                "none",
                {kind: float(counted[code] / n) for kind, counted in beside.items()},
                n,
                f"{intervals}; {judged.note}",
            )
        )
    baselines = {name: total_variation(other / n, real / n) for name, other in others.items()}
    alarm = f"; fewer than in the data: {', '.join(rare)}" if rare else ""
    apart = total_variation(made / n, real / n)
    return [
        Measurement(f"total variation of {column}", apart, "", "lower", baselines, n, judged.note + alarm),
        *found,
    ]
