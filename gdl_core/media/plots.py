"""Charts by matplotlib (the extra `plots`), the same bits each time, in one hand.

Nothing here touches pyplot or the user's matplotlib settings, so that charts may be drawn from several threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gdl_core.media.extras import require_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 150
INK = "#222222"
FAINT = "#6e6e6e"

Pixels = NDArray[np.uint8]

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "normal",
    "axes.labelcolor": INK,
    "axes.edgecolor": "#b0b0b0",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.7,
    "figure.facecolor": "white",
    "text.usetex": False,
}


@dataclass(frozen=True)
class Line:
    """One line of a panel; `colour` counts the models, `dashed` tells training from held-out.

    Where several parts share a panel, `part` names the line's in a legend of the panel's own.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    colour: int = 0
    dashed: bool = False
    part: str = ""


@dataclass(frozen=True)
class Cloud:
    """One scatter panel: points (n, 2), the number of each point, and what the axes are."""

    title: str
    points: NDArray[np.floating[Any]]
    values: NDArray[Any]
    x_label: str
    y_label: str
    unit_square: bool = False


@contextmanager
def sheet_of_charts(width: float, height: float) -> Iterator[Figure]:
    """Give an empty figure of a size in inches, laid out so that nothing is cut."""
    require_extra("drawing a chart", "plots")
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # The backend is left out: to look at it is to load pyplot and to choose a window system.
    settings: Any = {key: mpl.rcParamsDefault[key] for key in mpl.rcParamsDefault if not key.startswith("backend")}
    with mpl.rc_context(settings | _STYLE):
        figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure


def drawn(figure: Figure) -> Pixels:
    """Return a figure as uint8 (height, width, 3)."""
    canvas: Any = figure.canvas
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])


def palette(n: int) -> list[Any]:
    """Return n colours that people who see colours differently can tell apart: tab10 up to ten, tab20 up to twenty."""
    require_extra("drawing a chart", "plots")
    import matplotlib as mpl

    if n <= 10:
        return list(mpl.colormaps["tab10"].colors[:n])  # type: ignore[attr-defined]
    if n <= 20:
        return list(mpl.colormaps["tab20"].colors[:n])  # type: ignore[attr-defined]
    return [mpl.colormaps["turbo"](position) for position in np.linspace(0.03, 0.97, n)]


def line_panels(
    panels: Mapping[str, Sequence[Line]],
    x_label: str,
    log: bool = False,
    title: str = "",
    marks: Mapping[str, float] = MappingProxyType({}),
    shares: Sequence[str] = (),
) -> Pixels:
    """Draw panels, three to a row; lines of one model share a colour, what is dashed is training.

    Args:
        panels: lines by the panel's name.
        x_label: below the lowest panels.
        log: logarithmic where all numbers of a panel are positive.
        title: above all.
        marks: a level to be drawn across a panel of that name, such as that of guessing.
        shares: names of panels that show all of [0, 1].
    """
    across = min(3, max(1, len(panels)))
    down = -(-len(panels) // across)
    with sheet_of_charts(max(5.0, 4.0 * across), 3.1 * down + 0.5) as figure:
        colours = palette(10)
        for index, (name, lines) in enumerate(panels.items()):
            axes = figure.add_subplot(down, across, index + 1)
            for line in lines:
                style = (0, (3, 1.6)) if line.dashed else "solid"
                axes.plot(
                    line.x, line.y, label=line.label, color=colours[line.colour % 10], linestyle=style,
                    linewidth=1.4 if line.dashed else 1.8, marker="o" if len(line.x) == 1 else "", markersize=4,
                )  # fmt: skip
            axes.set_title(name.replace("_", " "), loc="left")
            axes.grid(True, axis="y")
            if name in marks:
                axes.axhline(marks[name], color=FAINT, linewidth=1.0, linestyle=(0, (1, 2)), zorder=0)
            if name in shares:
                axes.set_ylim(-0.02, 1.02)
            elif log and all(value > 0 for line in lines for value in line.y):
                axes.set_yscale("log")
            axes.locator_params(axis="x", integer=True)
            if index + across >= len(panels):
                axes.set_xlabel(x_label)
        handles: dict[str, Any] = {}
        for axes, lines in zip(figure.axes, panels.values(), strict=True):
            several = len({line.part for line in lines}) > 1
            if several:
                first = {line.part: _stroke(colours[line.colour % 10], line.part) for line in reversed(lines)}
                axes.legend(handles=[*first.values()][::-1], frameon=True, framealpha=0.85, edgecolor="none")
            told: Any = axes.get_legend_handles_labels()
            for handle, label in zip(*told, strict=True):
                handles.setdefault(label, _stroke(INK, label, handle.get_linestyle()) if several else handle)
        if handles:
            figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=min(4, len(handles)))
        if title:
            figure.suptitle(title)
        return drawn(figure)


def _stroke(colour: Any, label: str, style: Any = "solid") -> Any:
    """Return a line for a legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, linewidth=1.8, linestyle=style, label=label)


def scatter_panels(clouds: Sequence[Cloud], across: int, title: str, colour: str, names: Sequence[str] = ()) -> Pixels:
    """Draw scatter panels that share one legend (categories in `names`) or one colour bar (numbers)."""
    down = -(-len(clouds) // across)
    with sheet_of_charts(4.3 * across + 1.1, 4.25 * down + 0.5) as figure:
        panels = [figure.add_subplot(down, across, index + 1) for index in range(len(clouds))]
        shown: Any = None
        low, high = _range(clouds)
        for axes, cloud in zip(panels, clouds, strict=True):
            size = float(np.clip(20_000 / max(1, len(cloud.points)), 2.5, 22))
            style: Any = {"s": size, "linewidths": 0, "alpha": 0.75, "rasterized": True}
            x, y = cloud.points[:, 0], cloud.points[:, 1]
            if names:
                colours = np.array(palette(len(names)))[:, :3]
                shown = axes.scatter(x, y, c=colours[cloud.values.astype(int)], **style)
            else:
                shown = axes.scatter(x, y, c=cloud.values, cmap="viridis", vmin=low, vmax=high, **style)
            _frame(axes, cloud)
        if names:
            _legend(figure, panels, names, colour)
        elif shown is not None:
            bar: Any = figure.colorbar(shown, ax=panels, shrink=0.75, aspect=28, pad=0.02)
            bar.set_label(colour)
            bar.outline.set_visible(False)
            bar.solids.set_alpha(1)
        figure.suptitle(title, fontsize=13)
        return drawn(figure)


def _range(clouds: Sequence[Cloud]) -> tuple[float, float]:
    values = np.concatenate([cloud.values.astype(float) for cloud in clouds])
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)


def _frame(axes: Axes, cloud: Cloud) -> None:
    axes.set_title(cloud.title, loc="left")
    axes.set_xlabel(cloud.x_label)
    axes.set_ylabel(cloud.y_label)
    axes.grid(True)
    if cloud.unit_square:
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_aspect("equal", adjustable="box")
    else:
        axes.set_aspect("equal", adjustable="datalim")
        axes.axhline(0, color="#bbbbbb", linewidth=0.8, zorder=0)
        axes.axvline(0, color="#bbbbbb", linewidth=0.8, zorder=0)


def _legend(figure: Figure, panels: Sequence[Axes], names: Sequence[str], colour: str) -> None:
    from matplotlib.lines import Line2D

    dots = [
        Line2D([], [], linestyle="", marker="o", markersize=6, color=shade, label=name)
        for shade, name in zip(palette(len(names)), names, strict=True)
    ]
    columns = -(-len(names) // 30)
    figure.legend(handles=dots, title=colour, loc="outside right center", ncols=columns, alignment="left")
