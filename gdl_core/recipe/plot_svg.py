"""Training curves as SVG that stands inside a page: no script, and the same curves give the same bytes.

Colours and fonts come from classes (`grid`, `axis`, `train`, `held`), so that the page decides on light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from gdl_core.steps.curves import FIRST, HELD_OUT, TIMES

_WIDTH, _HEIGHT = 360, 210
_TOP, _RIGHT, _BOTTOM = 10, 12, 36
_LETTER = 6.4  # the width of a digit at 11 px, from above
_HUGE, _TINY = 1e150, 1e-150  # beyond these differences overflow, or vanish
_TICKS = 6

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """One curve: `points` with NaN where there is none; `last` is the last number that is one."""

    told: str
    style: str
    points: tuple[Point, ...]

    @property
    def last(self) -> float | None:
        """The last number, None if there is none."""
        return next((y for _, y in reversed(self.points) if not math.isnan(y)), None)


@dataclass(frozen=True)
class Panel:
    """One part of the loss, on training and on held-out samples, as an `<svg>` element."""

    part: str
    lines: tuple[Line, ...]
    svg: str


def draw_curves(history: Mapping[str, Any]) -> list[Panel]:
    """Return a panel for each part of a loss, the loss itself first; a part without any number has none.

    `history` has a `header` and `rows`; what is no finite number is a gap.
    """
    header = [str(word) for word in history["header"]]
    rows: Sequence[Sequence[Any]] = history["rows"]
    x_label = next((name for name in TIMES if name in header), "")
    if x_label:
        x = [_number(row[header.index(x_label)]) for row in rows]
    else:
        x = [float(index + 1) for index in range(len(rows))]
    panels = []
    for part in _parts(header):
        lines = []
        for key, told, style in ((part, "training", "train"), (HELD_OUT + part, "held-out", "held")):
            if key in header:
                y = [_number(row[header.index(key)]) for row in rows]
                points = tuple((a, b) for a, b in zip(x, y, strict=True) if not math.isnan(a))
                lines.append(Line(told, style, points))
        drawn = tuple(line for line in lines if line.last is not None)
        if drawn:
            panels.append(Panel(part, drawn, _draw(drawn, part, x_label or "row")))
    return panels


def ticks(low: float, high: float, most: int = _TICKS, whole: bool = False) -> list[tuple[float, str]]:
    """Return at most `most` + 1 round numbers from `low` to `high`, with labels that tell them apart.

    The ends differ by more than a billionth of them.

    >>> ticks(0.0, 0.2)
    [(0.0, '0.00'), (0.05, '0.05'), (0.1, '0.10'), (0.15000000000000002, '0.15'), (0.2, '0.20')]
    >>> [label for _, label in ticks(163.1, 212.3)]
    ['170', '180', '190', '200', '210']
    >>> [label for _, label in ticks(1, 3, whole=True)]
    ['1', '2', '3']
    """
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= rough * 0.999)
    if whole:
        step = max(1.0, round(step))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [(n * step, _label(n * step, step, decimals)) for n in range(first, last + 1)]


def _label(value: float, step: float, decimals: int) -> str:
    """Return a number with as many digits as it takes to tell it from its neighbours."""
    if not value or (decimals <= 4 and step < 1e6):
        return f"{value:.{decimals if decimals <= 4 else 0}f}"
    digits = math.floor(math.log10(abs(value)) + 1e-9) - math.floor(math.log10(step) + 1e-9) + 1
    return f"{value:.{max(1, digits)}g}"


def _number(cell: Any) -> float:
    """Return a cell as a number, NaN where it is none that can be drawn."""
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return math.nan
    try:
        value = float(cell)
    except OverflowError:
        return math.nan
    if abs(value) < _TINY:
        return 0.0
    return value if abs(value) < _HUGE else math.nan


def _parts(header: Sequence[str]) -> list[str]:
    found = dict.fromkeys(name.removeprefix(HELD_OUT) for name in header if name not in TIMES)
    return [*(part for part in FIRST if part in found), *(part for part in found if part not in FIRST)]


def _bounds(values: Sequence[float], share: float) -> Point:
    """Return ends a little outside of all values, apart even if these are one."""
    low, high = min(values), max(values)
    room = (high - low) * share
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        room = abs(low) * 0.1 or 1.0
    return low - room, high + room


def _draw(lines: Sequence[Line], part: str, x_label: str) -> str:
    """Return the SVG of curves of which each has a number."""
    shown = [(x, y) for line in lines for x, y in line.points if not math.isnan(y)]
    every_x = [x for x, _ in shown]
    left, right = _bounds(every_x, 0)
    low, high = _bounds([y for _, y in shown], 0.06)
    y_ticks = ticks(low, high)
    x_ticks = ticks(left, right, whole=all(x.is_integer() for x in every_x))
    margin = 14 + _LETTER * max((len(label) for _, label in y_ticks), default=0)
    wide, tall = _WIDTH - margin - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def place(x: float, y: float) -> Point:
        return margin + (x - left) / (right - left) * wide, _TOP + (high - y) / (high - low) * tall

    bottom = _TOP + tall
    title = escape(f"{part} by {x_label}: {', '.join(f'{line.told} ends at {line.last:.4g}' for line in lines)}")
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{title}">']
    for value, label in y_ticks:
        _, y = place(left, value)
        out.append(f'<line class="grid" x1="{margin:.1f}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"/>')
        out.append(f'<text x="{margin - 7:.1f}" y="{y + 3.8:.1f}" text-anchor="end">{escape(label)}</text>')
    out.append(f'<line class="axis" x1="{margin:.1f}" y1="{bottom}" x2="{_WIDTH - _RIGHT}" y2="{bottom}"/>')
    for value, label in x_ticks:
        x, _ = place(value, low)
        out.append(f'<line class="axis" x1="{x:.1f}" y1="{bottom}" x2="{x:.1f}" y2="{bottom + 4}"/>')
        out.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{escape(label)}</text>')
    middle = margin + wide / 2
    out.append(f'<text class="name" x="{middle:.1f}" y="{_HEIGHT - 5}" text-anchor="middle">{escape(x_label)}</text>')
    for line in lines:
        out += _curve([(*place(x, y),) if not math.isnan(y) else None for x, y in line.points], line.style)
    return "".join([*out, "</svg>"])


def _curve(points: Sequence[Point | None], style: str) -> list[str]:
    """Return a line for each stretch without a gap, and a dot for a point that stands alone."""
    stretches: list[list[Point]] = [[]]
    for point in points:
        if point is None:
            stretches.append([])
        else:
            stretches[-1].append(point)
    out = []
    for stretch in filter(None, stretches):
        if len(stretch) == 1:
            x, y = stretch[0]
            out.append(f'<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>')
        else:
            told = " ".join(f"{x:.1f},{y:.1f}" for x, y in stretch)
            out.append(f'<polyline class="{style}" points="{told}"/>')
    return out
