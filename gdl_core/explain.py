"""What pydantic finds wrong with settings, in words for a person; and the settings of a class as rows of a table.

Used wherever settings come from outside: recipes, options, model files. No torch is imported here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from gdl_core.errors import did_you_mean
from gdl_core.errors import printable as printable

Path_ = tuple[str | int, ...]

_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "string": "a text",
    "list": "a list",
    "tuple": "a list",
    "dict": "a set of keys and values",
    "mapping": "a set of keys and values",
    "model": "a set of keys and values",
}
_BOUNDS = {"ge": "at least {}", "gt": "more than {}", "le": "at most {}", "lt": "less than {}"}


@dataclass(frozen=True)
class Setting:
    """One setting of a class: its key, type and range in words, default as written in a recipe, and help."""

    key: str
    type: str
    range: str
    default: str
    required: bool
    help: str


def key_of(name: str, field: FieldInfo) -> str:
    """Return the key that a recipe uses for a field."""
    return field.alias or name


def settings_of(model: type[BaseModel]) -> list[Setting]:
    """Return the settings of a class in the order in which it defines them."""
    rows = []
    for name, field in model.model_fields.items():
        default = "" if field.is_required() else written(field.get_default(call_default_factory=True))
        rows.append(
            Setting(
                key_of(name, field),
                _input_words(field.metadata) or type_words(field.annotation),
                range_words(field),
                default,
                field.is_required(),
                field.description or "",
            )
        )
    return rows


def written(value: Any) -> str:
    """Return a value as a recipe writes it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(written(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, BaseModel):
        return written(value.model_dump())
    return str(value)


def _input_words(marks: Iterable[Any]) -> str:
    """Return in words which results of earlier steps an argument takes; empty if it takes none."""
    for mark in marks:
        if hasattr(mark, "in_words"):  # gdl_core.arguments.Accepts, a room above this one
            return str(mark.in_words())
    return ""


def type_words(annotation: Any) -> str:
    """Return a type in words, e.g. `list[int] | None` as "a list, each a whole number, or none"."""
    from gdl_core.config import Duration

    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _input_words(arguments[1:]) or type_words(arguments[0])
    if origin is Literal:
        return " or ".join(f"'{option}'" if isinstance(option, str) else written(option) for option in arguments)
    if origin is Union or type(annotation).__name__ == "UnionType":
        return " or ".join(dict.fromkeys(type_words(part) for part in arguments))
    if annotation is type(None):
        return "none"
    if annotation is Duration:
        return "like '40 epochs' or '2000 steps'"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _TYPES["dict"]
    if isinstance(origin, type) and issubclass(origin, Sequence):
        each = [type_words(part) for part in arguments if part is not Ellipsis]
        if origin is tuple and Ellipsis not in arguments:
            return f"a list of {len(each)}: " + "; ".join(each)
        return "a list" + (f", each {each[0]}" if each else "")
    name = getattr(annotation, "__name__", str(annotation))
    return {"Path": "a path", "Any": "anything"}.get(name, _TYPES.get(name, name))


def range_words(field: FieldInfo) -> str:
    """Return the range that a number may have, e.g. "at least 1 and at most 8", or an empty string."""
    return " and ".join(_bounds(field.metadata))


def _bounds(marks: Iterable[Any]) -> list[str]:
    found = {key: getattr(mark, key) for mark in marks for key in _BOUNDS if getattr(mark, key, None) is not None}
    return [_BOUNDS[key].format(_number(found[key])) for key in ("ge", "gt", "le", "lt") if key in found]


def _number(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else written(value)


def explain(error: ValidationError, model: type[BaseModel], data: Any, owner: str) -> list[tuple[Path_, str]]:
    """Return what is wrong as (path of keys into the data, sentence), one for each place.

    Args:
        error: what `model.model_validate(data)` raised.
        model: the class of the settings.
        data: what was validated, as plain mappings and lists.
        owner: whose settings they are, e.g. "step morph" or "model vae".
    """
    places: dict[Path_, list[str]] = {}
    for details in error.errors(include_url=False):
        path = _real_path(details, data)
        words = _sentence(details, path, model, owner)
        if words not in places.setdefault(path, []):
            places[path].append(words)
    return [(path, _joined(sentences)) for path, sentences in places.items()]


def _real_path(details: ErrorDetails, data: Any) -> Path_:
    """Return the part of pydantic's location that exists in the data; it also names the members of unions."""
    path: list[str | int] = []
    place = data
    for part in details["loc"]:
        is_item = isinstance(place, list | tuple) and isinstance(part, int) and 0 <= part < len(place)
        if is_item or (isinstance(place, Mapping) and part in place):
            place = place[part]
            path.append(part)
    if details["type"] == "missing":
        path.append(details["loc"][-1])
    return tuple(path)


def _joined(sentences: list[str]) -> str:
    """Join what the members of a union each say: "'n' should be a whole number" + "'n' should be 'all'"."""
    first, *others = sentences
    start = re.match(r"'[^']*' should be ", first)
    if others and start and all(other.startswith(start[0]) for other in others):
        got = re.search(r", got .*\Z", first)
        wants = [re.sub(r", got .*\Z", "", text)[start.end() :] for text in sentences]
        return start[0] + " or ".join(wants) + (got[0] if got else "")
    return first if not others else "; or ".join([first, *(re.sub(r"\A'[^']*':? ", "", other) for other in others)])


def _sentence(details: ErrorDetails, path: Path_, model: type[BaseModel], owner: str) -> str:
    kind, context = details["type"], details.get("ctx") or {}
    name = _label(path)
    field = _field_at(path, model)
    if kind == "extra_forbidden":
        known = _known_keys(path[:-1], model)
        hint = did_you_mean(str(path[-1]), known) or (f"; it has: {', '.join(known)}" if known else "; it has none")
        return f"unknown key '{path[-1]}' for {owner}{hint}"
    if kind == "missing" and isinstance(path[-1], int):
        return f"'{_label(path[:-1])}' lacks item {path[-1] + 1}"
    if kind == "missing":
        wanted = field.description if field is not None and field.description else ""
        return f"{owner} needs '{path[-1]}'" + (f": {wanted}" if wanted else "")
    got = f", got {_shown(details['input'])}"
    if kind in ("greater_than_equal", "greater_than", "less_than_equal", "less_than"):
        whole = _bounds(field.metadata) if field is not None else []
        return f"'{name}' should be {' and '.join(whole or _bounds([SimpleNamespace(**context)]))}{got}"
    if kind == "literal_error":
        options = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        hint = did_you_mean(str(details["input"]), options)
        return f"'{name}' should be {context.get('expected', '')}{got}{hint}"
    if kind in ("too_short", "too_long"):
        least, most = context.get("min_length"), context.get("max_length")
        wanted = f"at least {least}" if kind == "too_short" else f"at most {most}"
        return f"'{name}' should have {wanted} items, got {context.get('actual_length')}"
    if kind == "int_from_float":
        return f"'{name}' should be a whole number{got}"
    for suffix in ("_type", "_parsing", "_parsing_size"):
        stem = kind.removesuffix(suffix)
        if stem != kind and stem in _TYPES:
            return f"'{name}' should be {_TYPES[stem]}{got}"
    if kind == "finite_number":
        return f"'{name}' should be a finite number{got}"
    message = details["msg"].removeprefix("Value error, ")
    if re.match(r"should |needs ", message):
        return f"'{name}' {message}"
    return f"'{name}': {message}" if name else message


def _label(path: Path_) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _shown(value: Any) -> str:
    text = f"'{value}'" if isinstance(value, str) else written(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _model_at(path: Path_, model: type[BaseModel]) -> type[BaseModel] | None:
    """Return the settings class that a path of keys leads to, if the path goes through settings only."""
    place: type[BaseModel] | None = model
    for part in path:
        if place is None:
            return None
        if isinstance(part, int):  # an item of the list that led here
            continue
        fields = {key_of(name, field): field for name, field in place.model_fields.items()}
        annotation = fields[str(part)].annotation if str(part) in fields else None
        options = [annotation, *get_args(annotation)]
        place = next((cls for cls in options if isinstance(cls, type) and issubclass(cls, BaseModel)), None)
    return place


def _known_keys(path: Path_, model: type[BaseModel]) -> list[str]:
    place = _model_at(path, model)
    return [key_of(name, field) for name, field in place.model_fields.items()] if place is not None else []


def _field_at(path: Path_, model: type[BaseModel]) -> FieldInfo | None:
    place = _model_at(path[:-1], model) if path else None
    if place is None or isinstance(path[-1], int):
        return None
    return next((field for name, field in place.model_fields.items() if path[-1] in (key_of(name, field), name)), None)
