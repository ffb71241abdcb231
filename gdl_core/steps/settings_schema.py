"""JSON schemas of settings as a recipe writes them: any value may be a reference instead."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from gdl_core.errors import GdlError
from gdl_core.registry import Registry
from gdl_core.specs import ModelSpec, Role

Schema = dict[str, Any]

REFERENCE: Schema = {"$ref": "#/$defs/reference"}

_ABOUT = ("title", "description", "default", "examples")


def settings_schema(model: type[BaseModel], key: str) -> tuple[Schema, Schema]:
    """Return the schema of settings in which every value may be a reference, and the definitions that it names."""
    schema = model.model_json_schema(ref_template=f"#/$defs/{key}.{{model}}")
    inner = schema.pop("$defs", {})
    return _loose(schema, top=True), {f"{key}.{name}": _loose(part, top=True) for name, part in inner.items()}


def model_settings(registry: Registry, role: Role) -> tuple[list[tuple[ModelSpec, list[str], Schema]], Schema]:
    """Return of each model that fills a role its spec, the names it goes by and its settings, and the definitions."""
    names = [spec.name for spec in registry.models]
    found: list[tuple[ModelSpec, list[str], Schema]] = []
    definitions: Schema = {}
    for spec in registry.models:
        if role not in spec.roles:
            continue
        key = f"model {spec.full_name}".replace("/", ".")
        try:
            schema, more = settings_schema(registry.load(spec, "config"), key)
        except GdlError:
            continue
        words = [*([spec.name] if names.count(spec.name) == 1 else []), spec.full_name]
        found.append((spec, words, schema))
        definitions |= more
    return found, definitions


def _loose(schema: Schema, top: bool = False) -> Schema:
    """Return a schema that also takes a reference wherever it takes a value that no text can be."""
    loose = dict(schema)
    if "properties" in loose:
        loose["properties"] = {name: _loose(part) for name, part in loose["properties"].items()}
    for name in ("items", "additionalProperties"):
        if isinstance(loose.get(name), dict):
            loose[name] = _loose(loose[name])
    if "prefixItems" in loose:
        loose["prefixItems"] = [_loose(part) for part in loose["prefixItems"]]
    plain_text = loose.get("type") == "string" and not {"enum", "const", "pattern"} & loose.keys()
    says_nothing = not set(loose) - set(_ABOUT)
    if top or plain_text or says_nothing:
        return loose
    about = {name: loose.pop(name) for name in _ABOUT if name in loose}
    either = loose.pop("anyOf") if set(loose) == {"anyOf"} else [loose]
    return {**about, "anyOf": [*either, REFERENCE]}
