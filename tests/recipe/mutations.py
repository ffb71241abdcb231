"""Recipes that nobody would write: made of the recipe language's words at random, and shipped ones spoilt."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.compat import StringIO

from gdl_core.registry import Registry
from gdl_core.specs import DatasetSpec

_ODD = [
    "", "~", "$", "$$", "${", "${}", "$a", "$data", "${data}", "$vae", "${n} epochs", "1e999", "-1", ".nan", "0x1F",
    "0o17", "9" * 30, "9" * 500, "yes", "null", "<<", "*a", "&a x", "!!python/object:os.system", "!!map {}", "? a",
    "- -", "[", "{a", "'", '"', "#", "a: b: c", "../..", "/etc/passwd", "C:\\x", "~/x", "CON", "{i}.png", "a.png",
    "a.gdl", "a.txt", "\t", "\x00", "\x1b[2J", "\u202e", "\ufeff", "\ud800", "\u2028", "é", "👁", "%YAML 1.1",
    "---", "...",
]  # fmt: skip


def shipped(registry: Registry) -> list[str]:
    """The texts of all recipes that plugins bring."""
    texts = []
    for spec in registry.recipes:
        package, _, path = spec.resource.partition(":")
        texts.append(files(package).joinpath(path).read_text("utf-8"))
    return texts


def _words(registry: Registry) -> list[str]:
    """The vocabulary: steps, datasets, models, their settings, and what recipes call things."""
    words = [
        "gdl",
        "title",
        "needs",
        "seed",
        "device",
        "vars",
        "steps",
        "do",
        "save",
        "cache",
        "set",
        "data",
        "a",
        "b",
        "n",
    ]
    for spec in [*registry.steps, *registry.datasets, *registry.models]:
        words.append(spec.name)
        field = "config" if isinstance(spec, DatasetSpec) or not hasattr(spec, "arguments") else "arguments"
        words += [info.alias or name for name, info in registry.load(spec, field).model_fields.items()]
    return list(dict.fromkeys(words))


def _values(words: list[str]) -> st.SearchStrategy[Any]:
    scalars = st.one_of(
        st.sampled_from(words), st.sampled_from([f"${word}" for word in words]), st.sampled_from(_ODD), st.booleans(),
        st.none(), st.integers(-3, 300), st.integers(), st.floats(), st.text(max_size=6),
    )  # fmt: skip
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(words), inner, max_size=3),
        max_leaves=5,
    )  # fmt: skip


def dumped(data: Any) -> str:
    """Return data as YAML."""
    out = StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.dump(data, out)
    return str(out.getvalue())


def generated(registry: Registry) -> st.SearchStrategy[str]:
    """Recipes of the right shape whose every part may be wrong."""
    words = _words(registry)
    values = _values(words)
    makers = [spec.name for spec in [*registry.steps, *registry.datasets]]
    steps = st.dictionaries(st.sampled_from(words), values, max_size=5).flatmap(
        lambda own: st.sampled_from(makers).map(lambda do: {"do": do, **own})
    )
    recipes = st.fixed_dictionaries(
        {"gdl": st.just(1) | values, "steps": st.dictionaries(st.sampled_from(words), steps | values, max_size=6)},
        optional={"vars": st.dictionaries(st.sampled_from(words), values, max_size=3), "seed": values, "title": values},
    )

    def text(data: Any) -> str:
        try:
            return dumped(data)
        except Exception:  # some of what we make no YAML can say
            return repr(data)

    return recipes.map(text)


@st.composite
def mutated(draw: st.DrawFn, texts: list[str]) -> str:
    """A recipe that works, after a few careless edits."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.integers(0, 12)))
        kind = draw(st.sampled_from(["insert", "replace", "cut", "swap", "repeat", "line"]))
        if kind in ("insert", "replace"):
            text = (
                text[:at] + draw(st.sampled_from(_ODD) | st.text(max_size=4)) + text[end if kind == "replace" else at :]
            )
        elif kind == "cut":
            text = text[:at] + text[end:]
        elif kind == "repeat":
            text = text[:at] + text[at:end] * draw(st.integers(2, 40)) + text[end:]
        else:
            parts = text.split("\n") if kind == "line" else text.split(" ")
            first, second = (draw(st.integers(0, len(parts) - 1)) for _ in range(2))
            parts[first], parts[second] = parts[second], parts[first]
            text = ("\n" if kind == "line" else " ").join(parts)
    return text
