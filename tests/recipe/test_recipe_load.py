"""Reading YAML: numbers as YAML 1.2 has them, positions of every node, and nothing dangerous."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gdl_core.errors import RecipeError
from gdl_core.recipe.load import MAX_BYTES, MAX_DEPTH, Source, parse, plain_scalar


def read(text: str) -> Any:
    return parse(Source(text, "a.yaml")).plain()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1e3", 1000.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-7", -7),
        ("0x1F", 31),
        ("0o17", 15),
        ("017", 17),
        ("12:30", "12:30"),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("2024-01-31", "2024-01-31"),
        ("1_000", "1_000"),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("'1'", "1"),
        ('"true"', "true"),
        ("a b", "a b"),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    got = read(f"x: {text}")["x"]
    assert got == value
    assert type(got) is type(value)


def test_not_a_number() -> None:
    assert math.isnan(read("x: .nan")["x"])


def test_every_node_knows_its_place() -> None:
    root = parse(Source("a: 1\nb:\n  - {c: x, d: [y]}\n", "a.yaml"))
    assert (root.at(("a",)).mark.line, root.at(("a",)).mark.column) == (1, 4)
    node = root.at(("b", 0, "d", 0))
    assert (node.value, node.mark.line, node.mark.column) == ("y", 3, 16)
    assert (root.key_mark(("b", 0, "d")).line, root.key_mark(("b", 0, "d")).column) == (3, 12)
    assert root.at(("b", 0, "no", "where")) is root.at(("b", 0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: !x 1", "tags (!x) are not used"),
        ("a: ! 1", "tags (!) are not used"),
        ("a: !!str 1", "tags (tag:yaml.org,2002:str) are not used"),
        ("a: &b 1", "anchors"),
        ("a: *b", "anchors"),
        ("<<: {a: 1}\n<<: {b: 1}", "key '<<' is here twice"),
        ("a: 1\na: 2", "key 'a' is here twice; first on line 1"),
        ("? [a, b]\n: 1", "a key should be a plain word"),
        ("%YAML 1.1\n---\na: 1", "%-directives"),
        ("a: 1\n---\nb: 2", "one YAML document"),
        ("a: 1\x07", "character #x0007 is not allowed"),
        ("a: [1", "not YAML"),
        ("\ta: 1", "indent with spaces"),
        ("x: " + "9" * 500, "a number of 500 digits is too long"),
        ("x: " + "[" * (MAX_DEPTH + 1), f"nested deeper than {MAX_DEPTH}"),
        ("[" * 100_000, f"nested deeper than {MAX_DEPTH}"),
        ("x: '" + "y" * MAX_BYTES + "'", "this file is larger"),
    ],
)
def test_what_recipes_do_without_is_refused(text: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read(text)
    assert message in str(caught.value)


def test_billion_laughs_is_refused_at_once() -> None:
    rows = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 40)]
    with pytest.raises(RecipeError, match="anchors"):
        read("\n".join(rows))


def test_fault_shows_the_line_and_a_caret() -> None:
    with pytest.raises(RecipeError) as caught:
        read("title: good\nwrong: !bad x\n")
    assert str(caught.value) == ("a.yaml:2:8 tags (!bad) are not used in recipes\n    wrong: !bad x\n           ^")


words = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn", "Zl", "Zp"), exclude_characters="\ufeff")
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60)
@given(values)
def test_every_json_text_is_read_as_json_reads_it(value: Any) -> None:
    """JSON is a part of YAML 1.2."""
    assert read(json.dumps({"x": value}, ensure_ascii=False)) == {"x": value}


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(RecipeError):
        read(text)


@given(st.from_regex(r"[-+0-9.eExo_a-f:]{0,12}", fullmatch=True))
def test_plain_scalars_never_fail(text: str) -> None:
    plain_scalar(text)
