"""Write what the installed plugins offer into the pages: docs/words.md, and the recipes in README.md.

python docs/generate.py
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from gdl_core.explain import Setting, settings_of
from gdl_core.registry import Registry, get_registry
from gdl_core.specs import DatasetSpec, MeasureSpec, ModelSpec, Spec

ROOT = Path(__file__).parents[1]
OURS = "gdl-toolkit"
_FIELDS = {"model": "config", "step": "arguments", "dataset": "config"}
_CHAPTERS = (
    ("step", "Steps", "What a recipe can do: `do: NAME`, with these arguments."),
    ("dataset", "Datasets", "Each is a step too: `do: NAME`."),
    ("model", "Models", "`{do: train, model: NAME, set: {…}}` takes these settings."),
    ("measure", "Measures", "`{do: measure, of: [NAME]}`; [measures.md](measures.md) says what each tells."),
    ("format", "Formats", "The suffix of `save` chooses one."),
    ("recipe", "Recipes", "`gdl run NAME` runs one, `gdl new recipe mine --like NAME` copies it to begin from."),
)


def words(registry: Registry) -> str:
    """Return the page of all words that a recipe can use."""
    lines = [
        "# Words of recipes",
        "",
        "Written by `python docs/generate.py` from what the plugins say of themselves; `gdl steps NAME`, `gdl models",
        "NAME` and so on tell the same of any plugin that is installed.",
    ]
    for kind, title, about in _CHAPTERS:
        lines += ["", f"## {title}", "", about, ""]
        if kind in _FIELDS:
            for spec in _ours(registry, kind):
                lines += _chapter(spec, settings_of(registry.load(spec, _FIELDS[kind])))
        else:
            lines += _table((kind, "what it is"), ((f"`{spec.name}`", _about(spec)) for spec in _ours(registry, kind)))
    return "\n".join(lines).rstrip() + "\n"


def recipes(registry: Registry) -> str:
    """Return the recipes that come along, as a table for the README."""
    rows = ((f"`gdl run {spec.name}`", spec.summary) for spec in _ours(registry, "recipe"))
    return "\n".join(_table(("recipe", "what it makes"), rows))


def with_block(text: str, name: str, block: str) -> str:
    """Return a page with what stands between `<!-- generated: NAME -->` and `<!-- end -->` replaced."""
    pattern = rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)"
    found, count = re.subn(pattern, lambda match: f"{match[1]}{block}\n{match[2]}", text, flags=re.S)
    assert count == 1, f"the page has {count} blocks called {name}"
    return found


def _ours(registry: Registry, kind: str) -> list[Spec]:
    specs: tuple[Spec, ...] = getattr(registry, f"{kind}s")
    return [spec for spec in specs if registry.plugin(spec.plugin).package == OURS]


def _about(spec: Spec) -> str:
    about = [spec.summary]
    if isinstance(spec, ModelSpec | MeasureSpec) and spec.roles:
        about.append(
            ("Fills: " if isinstance(spec, ModelSpec) else "Asks for a model that ") + ", ".join(spec.roles) + "."
        )
    if isinstance(spec, ModelSpec) and spec.source:
        about.append(f"{spec.source}.")
    if isinstance(spec, DatasetSpec | MeasureSpec) and spec.extra:
        about.append(f"Needs the extra `{spec.extra}`.")
    return " ".join(about)


def _chapter(spec: Spec, settings: Iterable[Setting]) -> list[str]:
    rows = (
        (
            f"`{setting.key}`",
            setting.type + (f", {setting.range}" if setting.range else ""),
            "needed" if setting.required else f"`{setting.default}`" if setting.default else "",
            setting.help,
        )
        for setting in settings
    )
    return [f"### {spec.name}", "", _about(spec), "", *_table(("key", "is", "default", "what it does"), rows), ""]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head), *lines] if lines else []


def pages(registry: Registry) -> dict[Path, str]:
    """Return the pages as they should be, by their paths."""
    readme = ROOT / "README.md"
    return {
        ROOT / "docs" / "words.md": words(registry),
        readme: with_block(readme.read_text(encoding="utf-8"), "recipes", recipes(registry)),
    }


def main() -> None:
    """Write the pages."""
    for path, text in pages(get_registry()).items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
