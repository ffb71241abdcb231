"""`gdl`: the group of commands, global options, and how failures are told."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from gdl_core.errors import GdlError, RecipeError, did_you_mean, printable

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("run:run", "Run a recipe; what is complete is left alone."),
    "check": ("check:check", "Find everything wrong with recipes, without running them."),
    "new": ("new:new", "Begin a recipe or a plugin."),
    "schema": ("schema:schema", "Print the recipe format as a JSON schema, for editors."),
    "show": ("show:show", "Show what made a file, or what a model is."),
    "runs": ("runs:runs", "List runs: how they ended, when, how long, how large."),
    "recipes": ("listing:recipes", "List recipes, or show one."),
    "models": ("listing:models", "List models, or show one's settings."),
    "steps": ("listing:steps", "List steps, or show one's settings."),
    "datasets": ("listing:datasets", "List datasets, or show one's settings."),
    "measures": ("listing:measures", "List measures, or show one."),
    "formats": ("listing:formats", "List file formats, or show one."),
    "cache": ("cache:cache", "List or remove what is kept so as not to do it again."),
    "plugins": ("plugins:plugins", "List plugins, and why some could not be loaded."),
    "doctor": ("doctor:doctor", "Say what gdl finds on this machine."),
}


_LEFT_OUT = "GDL_NO_PLUGIN"


class Commands(click.Group):
    """Built-in commands, imported when used; plugins' commands after them, never instead of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *_plugin_commands()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            module, _, attribute = COMMANDS[cmd_name][0].partition(":")
            command: click.Command = getattr(import_module(f"gdl_cli.{module}"), attribute)
            return command
        return _plugin_commands().get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            raise click.UsageError(f"there is no command '{name}'{did_you_mean(name, self.list_commands(ctx))}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the built-in commands' help without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])
        others = _plugin_commands()
        if others:
            with formatter.section("Commands of plugins"):
                formatter.write_dl([(name, command.get_short_help_str()) for name, command in others.items()])


def _plugin_commands() -> dict[str, click.Command]:
    """Return the commands that plugins add; what a plugin raises is told and harms only its own."""
    from gdl_core.registry import get_registry

    found: dict[str, click.Command] = {}
    for plugin, add in get_registry().implementations("gdl_commands"):
        group = click.Group()
        try:
            add(group)
        except (Exception, SystemExit) as error:
            click.echo(f"plugin '{plugin}' failed in gdl_commands: {type(error).__name__}: {error}", err=True)
            continue
        for name, command in group.commands.items():
            if name in COMMANDS or name in found:
                click.echo(f"plugin '{plugin}' may not replace the command '{name}'", err=True)
            else:
                found[name] = command
    return found


def _leave_out(ctx: click.Context, param: click.Parameter, names: tuple[str, ...]) -> None:
    if names:
        from gdl_core.registry import get_registry

        os.environ[_LEFT_OUT] = ",".join(filter(None, [os.environ.get(_LEFT_OUT), *names]))
        get_registry.cache_clear()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--no-plugin", multiple=True, metavar="NAME", expose_value=False, is_eager=True, callback=_leave_out,
    help="Leave a plugin out.",
)  # fmt: skip
@click.option("--debug", is_flag=True, help="Show the traceback of a failure.")
@click.version_option(package_name="gdl-toolkit", prog_name="gdl")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Train generative models, walk their latent spaces, and keep a recipe of how it was made.

    Begin with: gdl run digits
    """
    ctx.obj = {"debug": debug}


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with 0, 1 (failed), 2 (bad input) or 130 (stopped)."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code; every failure is one line on stderr."""
    before = os.environ.get(_LEFT_OUT)
    try:
        return _run(arguments)
    finally:
        if os.environ.get(_LEFT_OUT) != before:
            os.environ.pop(_LEFT_OUT)
            os.environ.update({} if before is None else {_LEFT_OUT: before})


def _run(arguments: list[str]) -> int:
    debug = "--debug" in arguments
    try:
        result: Any = cli.main(arguments, prog_name="gdl", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except RecipeError as error:
        _tell("\n".join(map(str, error.faults)), debug, name="")
        return error.exit_code
    except GdlError as error:
        _tell(str(error), debug)
        return error.exit_code
    except click.UsageError as error:
        hint = f" (see: {error.ctx.command_path} --help)" if error.ctx is not None else ""
        _tell(error.format_message() + hint, debug)
        return 2
    except click.ClickException as error:
        _tell(error.format_message(), debug)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _tell("stopped", debug)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        from gdl_core.registry import get_registry

        first = (str(error).strip().splitlines() or [""])[0]
        plugin = get_registry().blame(error)
        where = f"plugin '{plugin}'" if plugin else "gdl"
        _tell(f"{type(error).__name__}: {first}; this is a bug in {where}; --debug shows more", debug)
        return 1


def _tell(message: str, debug: bool, name: str = "gdl: ") -> None:
    if debug:
        import traceback

        traceback.print_exc()
    click.echo(printable(f"{name}{message}", keep="\n"), err=True)


if __name__ == "__main__":
    main()
