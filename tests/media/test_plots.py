"""Charts: the same bits each time, nothing cut, the user's matplotlib left alone."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from gdl_core.errors import MissingExtraError
from gdl_core.media import plots

pytest.importorskip("matplotlib")


def clouds() -> list[plots.Cloud]:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(200, 2))
    return [
        plots.Cloud("a long title, plane z", points * 30, np.arange(200) % 10, "z1", "z2"),
        plots.Cloud("plane p", rng.random((200, 2)), np.arange(200) % 10, "Φ(z1)", "Φ(z2)", unit_square=True),
    ]


def edge(pixels: np.ndarray) -> np.ndarray:
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])


@pytest.mark.parametrize("names", [(), tuple(f"category {i}" for i in range(10))])
def test_scatter_is_the_same_each_time_and_nothing_touches_the_edge(names: tuple[str, ...]) -> None:
    first, second = (plots.scatter_panels(clouds(), 2, "Title", "label", names) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.dtype == np.uint8
    assert (edge(first) == 255).all()
    assert (first != 255).any()


def test_lines_are_drawn_for_every_part() -> None:
    nan = float("nan")
    lines = [
        plots.Line("training", [1, 2, 3], [3, 2, nan], dashed=True),
        plots.Line("held-out", [1, 2, 3], [3, 2.5, 2.4]),
        plots.Line("one point", [1], [2], colour=1),
    ]
    pixels = plots.line_panels(dict.fromkeys(("loss", "kl", "mse", "very_long_name_of_a_part"), lines), "epoch")
    assert (edge(pixels) == 255).all()
    assert plots.line_panels({"loss": lines[1:]}, "epoch", log=True).shape[-1] == 3


def test_parts_in_one_panel_are_told_apart_and_a_level_is_marked() -> None:
    lines = [
        plots.Line("training", [1, 2], [0.3, 0.6], part="real", dashed=True),
        plots.Line("training", [1, 2], [0.9, 0.7], colour=1, part="fake", dashed=True),
    ]
    plain = plots.line_panels({"accuracies": lines}, "epoch")
    marked = plots.line_panels({"accuracies": lines}, "epoch", marks={"accuracies": 0.5}, shares=("accuracies",))
    assert (edge(plain) == 255).all()
    assert (edge(marked) == 255).all()
    assert not np.array_equal(plain, marked)
    alone = [plots.Line(line.label, line.x, line.y, line.colour, line.dashed) for line in lines]
    assert not np.array_equal(plots.line_panels({"accuracies": alone}, "epoch"), plain), "a panel's own legend"


@pytest.mark.parametrize("n", [1, 10, 11, 20, 33])
def test_colours_differ(n: int) -> None:
    assert len({tuple(np.round(colour[:3], 3)) for colour in plots.palette(n)}) == n


def test_no_window_system_is_chosen_for_the_user() -> None:
    code = (
        "import matplotlib as mpl; mpl.rcParams['font.size'] = 31\n"
        "from gdl_core.media import plots\n"
        "plots.line_panels({'a': [plots.Line('x', [1, 2], [1, 2])]}, 'epoch')\n"
        "import sys; assert 'matplotlib.pyplot' not in sys.modules and mpl.rcParams['font.size'] == 31"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gdl_core.media.extras.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"gdl-toolkit\[plots\]"):
        plots.line_panels({}, "epoch")
