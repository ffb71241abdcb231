"""How a step says what it takes: references to earlier steps, checked by kind and role before anything runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from gdl_core.config import Settings
from gdl_core.specs import Kind, Role, a_kind, one_of, several

if TYPE_CHECKING:
    from gdl_core.registry import Registry

_DOES: dict[str, str] = {
    "trains": "trains", "samples": "samples", "encodes": "encodes", "decodes": "decodes",
    "scores": "scores", "predicts": "predicts", "acts": "acts", "classifies": "classifies",
    "styles": "has styles",
}  # fmt: skip
_DO = {"classifies": "classify", "styles": "have styles"}
_ALSO: dict[str, str] = {"episodes": "dataset"}
"""Kinds that will do where another is asked for: episodes are a dataset of their frames."""


@dataclass(frozen=True)
class Promise:
    """What a step will give, known before it runs: stands for the value while a recipe is checked.

    `makes` is the kind of value that samples of a model or dataset are shown as; None where that is not known.
    """

    step: str
    kind: Kind
    roles: frozenset[str] = frozenset()
    makes: Kind | None = "image"


def makes_of(owner: Any) -> Kind | None:
    """Return what samples of a model or dataset, or of what stands for it, are shown as; None: not known.

    Of a list the first one speaks for all.
    """
    if isinstance(owner, list | tuple):
        return makes_of(owner[0]) if owner else None
    if owner is None:
        return None
    if isinstance(owner, Promise):
        return owner.makes
    form = getattr(getattr(owner, "model", owner), "form", None)
    return "image" if form is None else cast("Kind", form.kind)


class Accepts:
    """Annotation of an argument that takes an earlier result: `Annotated[TrainedModel, Accepts("model", …)]`.

    Args:
        kinds: the kinds of value that will do.
        roles: roles that a model must fill.
        makes: what its samples have to be shown as, where that matters.
        files: a plain text is then the path of a file to read, which must exist; the step is given a Path.
    """

    def __init__(
        self, *kinds: Kind, roles: Iterable[Role] = (), makes: Kind | None = None, files: bool = False
    ) -> None:
        self.kinds = kinds
        self.roles = tuple(roles)
        self.makes = makes
        self.files = files

    def check(self, value: Any, base: Path | None) -> Any:
        """Return the value, or the path it names; raise PydanticCustomError in words for a person."""
        if isinstance(value, Path):
            return value
        if isinstance(value, str):
            if not self.files:
                raise PydanticCustomError(
                    "reference", "should name an earlier step, like $name, that gives {kinds}", self._words()
                )
            path = Path(value).expanduser()
            path = path if path.is_absolute() or base is None else base / path
            if not path.is_file():
                raise PydanticCustomError("path", "no such file: {path}", {"path": value})
            return path
        kind = getattr(value, "kind", None)
        if kind not in self.kinds and _ALSO.get(kind or "") not in self.kinds:
            got = a_kind(kind) if kind else "nothing" if value is None else f"{value!r:.40}"
            raise PydanticCustomError("reference", "needs {kinds}, but was given {got}", {**self._words(), "got": got})
        if kind == "model":
            roles = value.roles if isinstance(value, Promise) else value.model.roles()
            lacking = [role for role in self.roles if role not in roles]
            if lacking:
                raise PydanticCustomError(
                    "role",
                    "needs a model that {wanted}; this one {filled}, but does not {lacking}",
                    {
                        "wanted": " and ".join(_DOES[role] for role in self.roles),
                        "filled": " and ".join(sorted(_DOES[role] for role in roles)) or "does nothing",
                        "lacking": " or ".join(_DO.get(role, role.removesuffix("s")) for role in lacking),
                    },
                )
            self._check_makes(value)
        return value

    def _check_makes(self, model: Any) -> None:
        makes = makes_of(model)
        if self.makes is not None and makes not in (self.makes, None):
            words = {"wanted": several(self.makes), "makes": several(makes)}
            raise PydanticCustomError("makes", "needs a model of {wanted}; this one is of {makes}", words)

    def in_words(self) -> str:
        """Return in words what a recipe may write here."""
        return f"$step that gives {self._words()['kinds']}" + (", or a file" if self.files else "")

    def _words(self) -> dict[str, str]:
        return {"kinds": one_of(self.kinds)}

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: Any, info: core_schema.ValidationInfo) -> Any:
            return self.check(value, (info.context or {}).get("base"))

        return core_schema.with_info_plain_validator_function(read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        text = f"reference to an earlier step that gives {self._words()['kinds']}"
        if self.files:
            return {"type": "string", "description": f"{text}, or the path of a file"}
        return {"type": "string", "pattern": r"^\$", "description": text}


DatasetInput = Annotated[Any, Accepts("dataset")]


class StepArguments(Settings):
    """Base of the arguments of every step."""

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Yield what is wrong beyond types, as (path of keys inside the arguments, message). Runs before any work."""
        return ()

    def gives_roles(self, registry: Registry) -> frozenset[str]:
        """Return the roles of the model that the step will give, for steps that give a model."""
        return frozenset()

    def gives_kind(self, registry: Registry, kind: Kind) -> Kind | None:
        """Return the kind of value that the step will give, where it depends on what it is given; None: not known.

        Args:
            registry: what plugins offer.
            kind: that the step's spec names.
        """
        return kind

    def makes(self, registry: Registry) -> Kind | None:
        """Return what samples of the model or dataset that the step will give are shown as; None: not known."""
        return "image"

    @classmethod
    def refine_schema(cls, schema: dict[str, Any], definitions: dict[str, Any], registry: Registry) -> None:
        """Say more in the JSON schema of the arguments than their types do: names of models, say. Editors show it."""
