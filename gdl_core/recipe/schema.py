"""The recipe format as a JSON schema (draft 2020-12), for editors: completion, hover help, red lines while typing.

It is made of what the installed plugins offer, so it knows their steps, datasets, models and settings. It says less
than `check` does (what a reference gives, which files exist), and nothing that `check` would not say.
"""

from __future__ import annotations

from gdl_core.arguments import StepArguments
from gdl_core.errors import GdlError
from gdl_core.recipe.document import FORMAT, MAX_SEED, TOP_KEYS
from gdl_core.registry import Registry
from gdl_core.specs import DatasetSpec, StepSpec
from gdl_core.steps.settings_schema import REFERENCE, Schema, settings_schema

FILE = "gdl.schema.json"
"""The name that the first lines of recipes give the schema, beside them."""

_NAME = "^[a-z][a-z0-9_-]{0,63}$"


def recipe_schema(registry: Registry) -> Schema:
    """Return the schema. Plugins whose settings cannot be loaded are left out; `check` tells why."""
    makers: list[StepSpec | DatasetSpec] = [*registry.steps, *registry.datasets]
    names = [spec.name for spec in makers]
    definitions: Schema = {
        "reference": {"type": "string", "pattern": r"\$", "description": "$name: a var, or an earlier step"},
    }
    known: list[Schema] = []
    cases: list[Schema] = []
    for spec in makers:
        key = f"{'step' if isinstance(spec, StepSpec) else 'dataset'} {spec.full_name}".replace("/", ".")
        try:
            definitions |= _maker(spec, key, registry)
        except GdlError:
            continue
        words = [spec.full_name, *([spec.name] if names.count(spec.name) == 1 else [])]
        known += [{"const": word, "description": spec.summary} for word in reversed(words)]
        cases.append({"if": {"properties": {"do": {"enum": words}}}, "then": {"$ref": f"#/$defs/{key}"}})
    definitions["step"] = {
        "type": "object",
        "required": ["do"],
        "properties": {"do": {"description": "a step or a dataset", "anyOf": known}},
        "allOf": cases,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gdl recipe",
        "type": "object",
        "required": ["gdl", "steps"],
        "properties": {key: _TOP[key] for key in TOP_KEYS},
        "additionalProperties": False,
        "$defs": definitions,
    }


_SEED: Schema = {"type": "integer", "minimum": 0, "maximum": MAX_SEED}

_TOP: dict[str, Schema] = {
    "gdl": {"const": FORMAT, "description": "the number of the recipe format"},
    "title": {"type": "string", "description": "one line that says what this makes"},
    "needs": {
        "description": "names of plugins that must be installed",
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
    },
    "seed": {**_SEED, "default": 0, "description": "the seed of all noise; a step may have its own"},
    "device": {"type": "string", "pattern": r"^(auto|cpu|mps|cuda(:\d+)?)$", "default": "auto"},
    "vars": {
        "description": "values that steps take as $name, and that `-s name=value` sets",
        "type": ["object", "null"],
        "propertyNames": {"pattern": _NAME},
    },
    "steps": {
        "description": "what is done, from top to bottom; a step uses the results of earlier ones as $name",
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": _NAME},
        "additionalProperties": {"$ref": "#/$defs/step"},
    },
}

_SHARED: dict[str, Schema] = {
    "do": {},
    "seed": {"description": "the seed of this step's noise; left out: the recipe's", "anyOf": [_SEED, REFERENCE]},
    "save": {
        "description": "files to write the result to, inside the run folder; the suffix is the format, {i} the item",
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
    },
    "cache": {"description": "false: do it every time", "anyOf": [{"type": "boolean"}, REFERENCE]},
}


def _maker(spec: StepSpec | DatasetSpec, key: str, registry: Registry) -> Schema:
    """Return the definitions of a step: its own arguments, and the keys that all steps share."""
    model = registry.load(spec, "arguments" if isinstance(spec, StepSpec) else "config")
    schema, definitions = settings_schema(model, key)
    if issubclass(model, StepArguments):
        model.refine_schema(schema, definitions, registry)
    schema["description"] = spec.summary
    schema["properties"] = {**_SHARED, **schema.get("properties", {})}
    schema["required"] = ["do", *schema.get("required", [])]
    return {key: schema, **definitions}
