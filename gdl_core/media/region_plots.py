"""Panels of regions in the plane: a set, what a model makes, and the two ways in which these can differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gdl_core.media.plots import FAINT, INK, Pixels, drawn, sheet_of_charts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BOTH = "#cfdcc8"
WRONG, WRONG_INK = "#fbd3a8", "#c25a00"
MISSED, MISSED_INK = "#a9cbe8", "#15598f"
RIGHT_INK = "#3f5f3a"

Mask = NDArray[np.bool_]
Place = tuple[float, float]


@dataclass(frozen=True)
class Region:
    """One panel.

    Attributes:
        title: a name.
        told: a line below it.
        points: (n, 2), to be drawn as dots.
        belongs: whether each point is in the set, (n,).
        truth: cells of the set, the first axis upwards; None where it is not to be shown.
        made: cells that a model makes; None where there is no model.
        wrong: a point that is marked as wrongly made.
        missed: a point that is marked as never made.
        corners: two corners of a box whose outline is drawn.
    """

    title: str
    told: str
    points: NDArray[np.floating[Any]]
    belongs: Mask
    truth: Mask | None = None
    made: Mask | None = None
    wrong: Place | None = None
    missed: Place | None = None
    corners: tuple[Place, Place] | None = None


def region_panels(regions: Sequence[Region], low: Place, side: float, title: str) -> Pixels:
    """Draw the panels, three to a row, all of one square of the plane: `side` wide from the corner `low`."""
    across = min(3, len(regions))
    down = -(-len(regions) // across)
    with sheet_of_charts(3.6 * across + 0.45, 4.1 * down + 0.95) as figure:
        for index, region in enumerate(regions):
            axes = figure.add_subplot(down, across, index + 1)
            _draw(axes, region, low, side)
            if index % across == 0:
                axes.set_ylabel("x2")
            else:
                axes.tick_params(labelleft=False)
            if index + across >= len(regions):
                axes.set_xlabel("x1")
            else:
                axes.tick_params(labelbottom=False)
        _legend(figure, across, any(region.corners for region in regions))
        figure.suptitle(title, fontsize=13)
        layout: Any = figure.get_layout_engine()
        layout.set(w_pad=0.08, h_pad=0.11)
        return drawn(figure)


def _draw(axes: Axes, region: Region, low: Place, side: float) -> None:
    extent = (low[0], low[0] + side, low[1], low[1] + side)
    if region.truth is not None:
        axes.imshow(_coloured(region.truth, region.made), extent=extent, origin="lower", interpolation="antialiased")
        cells = len(region.truth)
        x, y = (corner + side * (np.arange(cells) + 0.5) / cells for corner in low)
        axes.contour(x, y, region.truth, levels=[0.5], colors=[FAINT], linewidths=0.8)
    size = float(np.clip(5_000 / max(1, len(region.points)), 2.0, 16))
    for chosen, colour in ((region.belongs, RIGHT_INK), (~region.belongs, WRONG_INK)):
        x, y = region.points[chosen].T
        axes.scatter(x, y, s=size, color=colour, linewidths=0, alpha=0.7, rasterized=True)
    if region.corners is not None:
        (x0, y0), (x1, y1) = region.corners
        axes.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color=INK, linewidth=1.2, linestyle=(0, (4, 2)))
    _mark(axes, region.wrong, "wrongly made", "X", WRONG_INK, low, side)
    _mark(axes, region.missed, "never made", "D", MISSED_INK, low, side)
    axes.set_title(region.title, loc="left", pad=20)
    below = axes.annotate(
        region.told, (0, 1), (0, 6), xycoords="axes fraction", textcoords="offset points", fontsize=9, color=FAINT
    )
    below.set_in_layout(False)
    axes.set_xlim(extent[:2])
    axes.set_ylim(extent[2:])
    axes.set_aspect("equal", adjustable="box")
    axes.locator_params(nbins=5)


def _coloured(truth: Mask, made: Mask | None) -> NDArray[np.float64]:
    """Return the colour of each cell, (rows, columns, 3): white where neither is."""
    from matplotlib.colors import to_rgb

    pixels = np.ones((*truth.shape, 3))
    pixels[truth] = to_rgb(BOTH)
    if made is not None:
        pixels[made & ~truth] = to_rgb(WRONG)
        pixels[truth & ~made] = to_rgb(MISSED)
    return pixels


def _mark(axes: Axes, place: Place | None, text: str, marker: str, colour: str, low: Place, side: float) -> None:
    """Draw a large mark with its word: what is wrongly made above it, what is never made below."""
    if place is None:
        return
    from matplotlib.patheffects import withStroke

    axes.scatter(*place, s=85, marker=marker, color=colour, edgecolors="white", linewidths=1.4, zorder=5)
    share, above = (place[0] - low[0]) / side, marker == "X"
    axes.annotate(
        text, place, (0, 7 if above else -7), textcoords="offset points", va="bottom" if above else "top",
        ha="left" if share < 0.2 else "right" if share > 0.8 else "center",
        fontsize=10, color=colour, zorder=6, path_effects=[withStroke(linewidth=3, foreground="white")],
    )  # fmt: skip


def _legend(figure: Figure, across: int, has_box: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    def dot(colour: str, label: str) -> Line2D:
        return Line2D([], [], linestyle="", marker="o", markersize=5, color=colour, label=label)

    handles: list[Any] = [
        Patch(color=BOTH, label="in the set, and made"),
        dot(RIGHT_INK, "sample in the set"),
        Patch(color=WRONG, label="made, and not in the set: precision error"),
        dot(WRONG_INK, "sample outside the set"),
        Patch(color=MISSED, label="in the set, and never made: recall error"),
    ]
    if has_box:
        handles.append(Line2D([], [], color=INK, linewidth=1.2, linestyle=(0, (4, 2)), label="edge of a uniform box"))
    figure.legend(handles=handles, loc="outside lower center", ncols=across, columnspacing=2.2, handlelength=1.6)
