"""Commands of plugins, their failures, and the plugin that `gdl new plugin` writes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from gdl_cli import main
from gdl_core import registry as rooms
from gdl_core.hooks import hookimpl
from gdl_core.registry import Registry

Gdl = Callable[..., str]


def with_commands(monkeypatch: pytest.MonkeyPatch, **plugins: Callable[[click.Group], None]) -> None:
    made = {name: SimpleNamespace(gdl_commands=hookimpl(add)) for name, add in plugins.items()}
    registry = Registry.from_plugins(made)
    assert all(info.ok for info in registry.plugins), registry.plugins
    monkeypatch.setattr(rooms, "get_registry", lambda: registry)


def test_a_plugin_adds_commands_but_never_takes_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def add(cli: click.Group) -> None:
        @cli.command()
        def hello() -> None:
            """Say hello."""
            click.echo("hello")

        cli.add_command(click.Command("run", callback=lambda: click.echo("taken")))

    def broken(cli: click.Group) -> None:
        raise SystemExit(5)

    with_commands(monkeypatch, good=add, zbad=broken)
    assert main.run(["hello"]) == 0
    out, err = capsys.readouterr()
    assert out == "hello\n"
    assert "plugin 'good' may not replace the command 'run'" in err
    assert "plugin 'zbad' failed in gdl_commands: SystemExit: 5" in err
    assert main.run(["run"]) == 2
    assert main.run(["--help"]) == 0
    assert "hello  Say hello." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ZeroDivisionError("a\nb"), 1, "gdl: ZeroDivisionError: a; this is a bug in gdl; --debug shows more\n"),
        (KeyboardInterrupt(), 130, "\ngdl: stopped\n"),
    ],
)
def test_unexpected_failures_are_one_line(
    error: BaseException, code: int, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def add(cli: click.Group) -> None:
        @cli.command()
        def trip() -> None:
            raise error

    with_commands(monkeypatch, bad=add)
    assert main.run(["trip"]) == code
    assert capsys.readouterr().err == message
    if code == 1:
        assert main.run(["--debug", "trip"]) == 1
        assert "Traceback" in capsys.readouterr().err


def test_new_plugin_installs_is_tested_and_runs(gdl: Gdl, tmp_path: Path) -> None:
    assert "wrote gdl-first-light; install it with: pip install -e gdl-first-light" in gdl(
        "new", "plugin", "first-light"
    )
    assert "gdl-first-light is there already" in gdl("new", "plugin", "first_light", code=2)
    site = tmp_path / "site"

    def run(*command: str) -> str:
        environment: dict[str, Any] = {**os.environ, "PYTHONPATH": str(site)}
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(
        "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check",
        "--target", str(site), "./gdl-first-light",
    )  # fmt: skip
    assert "first_light  gdl-first-light 0.1.0" in run("gdl_cli.main", "plugins")
    assert "3 passed" in run("pytest", "-q", "-p", "no:cacheprovider", "gdl-first-light/tests")
    run("gdl_cli.main", "run", "first_light", "-s", "model.for=20 steps", "-s", "model.precision=fp32")
    assert (tmp_path / "runs" / "first_light" / "reconstructions.png").is_file()
