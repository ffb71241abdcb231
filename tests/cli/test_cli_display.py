"""What a run shows on a terminal and elsewhere."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from time import sleep

import pytest
from rich.console import Console

from gdl_cli.display import Display, PlainDisplay, RichDisplay
from gdl_core.errors import GdlError


def play(display: Display, folder: Path) -> None:
    with display:
        display.run_start(folder, "A [bold] title", ["vae", "grid", "new"])
        display.step_start("vae", "core/train")
        display.progress("vae", 0, 100, {"loss": 9.0})
        sleep(0.05)
        display.progress("vae", 25, 100, {"loss": 13.0})
        sleep(0.05)
        display.progress("vae", 50, 100, {"loss": 12.3456, "kl": 4.5})
        display.note("vae", "the [posterior] is fine")
        if isinstance(display, RichDisplay):
            display.bars.refresh()
        display.step_end("vae", [folder / "vae.gdl"], False, None)
        display.step_end("grid", [folder / f"{i}.png" for i in range(6)], True, None)
        display.step_start("told", "text/write")
        for number, piece in enumerate(("To be", ", or", " not\nto [b]be", ": that")):
            display.piece("told", piece)
            display.progress("told", number, 4, {})
            sleep(0.05)
            if isinstance(display, RichDisplay):
                display.bars.refresh()
        display.step_end("told", [], False, None)
        display.step_start("new", "core/sample")
        display.step_end("new", [], False, GdlError("no"))
        display.run_end(folder, None)


def test_terminal_shows_bar_parts_and_time_left(tmp_path: Path) -> None:
    out = StringIO()
    play(RichDisplay(Console(file=out, force_terminal=True, width=100, color_system=None)), tmp_path)
    text = out.getvalue()
    for shown in ("A [bold] title", "50/100", "loss 12.35  kl 4.5", "0:00:0", "the [posterior] is fine", "vae.gdl"):
        assert shown in text
    assert "0.png, 1.png, 2.png, 3.png and 2 more" in text
    for shown in ("To be, or not\n", "to [b]be: that\n"):
        assert shown in text.replace("\r", "").replace("\x1b[2K", "")


def test_lines_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PlainDisplay, "every", 0.0)
    monkeypatch.chdir(tmp_path)
    play(PlainDisplay(), tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["A [bold] title", "vae: core/train"]
    assert lines[2].startswith("vae: 25/100  loss 13")
    assert lines[3].startswith("vae: 50/100  loss 12.35  kl 4.5")
    assert lines[3].endswith(" s left")
    assert "grid: unchanged: 0.png, 1.png, 2.png, 3.png and 2 more" in lines
    told = lines[lines.index("told: text/write") :]
    assert [line for line in told if "told" not in line][:2] == ["To be, or not", "to [b]be: that"]
    assert lines[-1] == "report: report.html"
    assert "\x1b" not in "".join(lines)
