"""The JSON schema takes every good recipe, refuses plain mistakes, and never more than `check` does."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from recipe.test_recipe_again import TEXT as EVERY_FORMAT
from recipe.test_recipe_run import TEXT as PLAIN

from gdl_core.errors import RecipeError
from gdl_core.recipe import check_text
from gdl_core.recipe.load import Source, parse
from gdl_core.recipe.schema import FILE, recipe_schema
from gdl_core.registry import Registry

BAD = Path(__file__).parent / "bad"

GOOD = """gdl: 1
seed: 3
vars: {n: 4, e: 2}
steps:
  data: {do: digits}
  vae: {do: train, model: vae, data: $data, for: "${e} epochs", set: {latent: $n, lr: 1e-3}, save: a.gdl}
"""


@pytest.fixture(scope="module")
def validator(registry: Registry) -> Draft202012Validator:
    schema = recipe_schema(registry)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def read(text: str) -> Any:
    return parse(Source(text, "recipe")).plain()


def complaints(validator: Draft202012Validator, text: str) -> list[str]:
    return [error.message for error in validator.iter_errors(read(text))]


def shipped(registry: Registry) -> dict[str, str]:
    found = {}
    for spec in registry.recipes:
        package, _, path = spec.resource.partition(":")
        found[spec.name] = files(package).joinpath(path).read_text("utf-8")
    return found


def test_every_shipped_recipe_is_accepted_and_names_the_schema(
    registry: Registry, validator: Draft202012Validator
) -> None:
    recipes = shipped(registry)
    assert {"digits", "faces", "folder", "cylinders"} <= set(recipes)
    for name, text in recipes.items():
        assert complaints(validator, text) == []
        lines = text.splitlines()
        assert lines[0].startswith(f"# gdl run {name}")
        assert lines[1] == f"# yaml-language-server: $schema={FILE}"


@pytest.mark.parametrize("text", [PLAIN, EVERY_FORMAT, GOOD])
def test_good_recipes_are_accepted(text: str, registry: Registry, validator: Draft202012Validator) -> None:
    check_text(text, registry)
    assert complaints(validator, text) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("gdl: 1", "gdl: 2"),
        ("seed: 3", "seed: -1"),
        ("seed: 3", "sead: 3"),
        ("do: digits", "do: digit"),
        ("do: digits", "size: 3"),
        ("data: $data", "data: data"),
        ("data: $data", "dta: $data"),
        ("model: vae", "model: vea"),
        ("${e} epochs", "3 epoch s"),
        ('for: "${e} epochs", ', ""),
        ("save: a.gdl", "save: 3"),
        ("latent: $n", "latend: $n"),
        ("latent: $n", "latent: many"),
        ("lr: 1e-3", "lr: -1"),
        ("  data:", "  Data:"),
        ("steps:", "stepps:"),
    ],
)
def test_plain_mistakes_are_refused(old: str, new: str, registry: Registry, validator: Draft202012Validator) -> None:
    assert old in GOOD
    wrong = GOOD.replace(old, new)
    assert complaints(validator, wrong) != []
    with pytest.raises(RecipeError):
        check_text(wrong, registry)


def test_what_it_refuses_check_refuses(validator: Draft202012Validator) -> None:
    refused = []
    for path in sorted(BAD.glob("*.yaml")):  # `check` refuses all of these, for one reason or another
        try:
            data = read(path.read_text())
        except RecipeError:
            continue  # no YAML, which an editor says itself
        refused += [path.stem] * (not validator.is_valid(data))
    assert {"missing_key", "unknown_key", "unknown_setting", "unknown_step", "wrong_choice"} <= set(refused)


def test_it_explains_and_completes(registry: Registry) -> None:
    schema = recipe_schema(registry)
    words = {entry["const"]: entry["description"] for entry in schema["$defs"]["step"]["properties"]["do"]["anyOf"]}
    assert words["train"] == words["core/train"] == "Train a model on a dataset."
    train = schema["$defs"]["step core.train"]
    assert {"const": "vae", "description": registry.find("model", "vae").summary} in train["properties"]["model"][
        "anyOf"
    ]
    assert train["properties"]["for"]["description"].startswith("how long")
    chosen = next(case for case in train["allOf"] if "vae" in case["if"]["properties"]["model"]["enum"])
    assert chosen["then"]["properties"]["set"]["properties"]["latent"]["description"]
    assert json.loads(json.dumps(schema)) == schema


def test_it_is_made_without_torch() -> None:
    code = (
        "import sys, json; from gdl_core.recipe.schema import recipe_schema\n"
        "from gdl_core.registry import get_registry\n"
        "json.dumps(recipe_schema(get_registry())); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
