"""Base of every settings class, and the field types that recipes need. No torch is imported here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


class Settings(BaseModel):
    """A frozen set of typed, documented settings; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, populate_by_name=True)


def _existing_path(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str | Path) or not str(value):
        raise PydanticCustomError("path", "should be the path of a file or folder")
    base = (info.context or {}).get("base")
    path = Path(value).expanduser()
    resolved = path if path.is_absolute() or base is None else Path(base) / path
    if not resolved.exists():
        raise PydanticCustomError("path", "no such file or folder: {path}", {"path": str(value)})
    return resolved


InputPath = Annotated[Path, BeforeValidator(_existing_path)]
"""A file or folder to read, which must exist; a relative path starts from the recipe's folder (context `base`)."""


@dataclass(frozen=True)
class Duration:
    """How long to train: a number of epochs (passes over the training set) or of steps (rounds of the players).

    >>> str(Duration.parse("40 epochs"))
    '40 epochs'
    """

    count: int
    unit: str

    @classmethod
    def parse(cls, text: object) -> Duration:
        """Read "40 epochs", "1 epoch" or "2000 steps", at most 10^9 of them; raises ValueError otherwise."""
        match = re.fullmatch(r"\s*(\d[\d_]*)\s*(epochs?|steps?)\s*", text) if isinstance(text, str) else None
        if match is None or len(match[1]) > 40 or not 1 <= int(match[1]) <= 1_000_000_000:
            raise ValueError("should be like '40 epochs' or '2000 steps'")
        return cls(int(match[1]), match[2].rstrip("s") + "s")

    def steps(self, steps_per_epoch: int) -> int:
        """Return the duration in steps."""
        return self.count * steps_per_epoch if self.unit == "epochs" else self.count

    def __str__(self) -> str:
        return f"{self.count} {self.unit if self.count != 1 else self.unit.rstrip('s')}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: object) -> Duration:
            if isinstance(value, cls):
                return value
            try:
                return cls.parse(value)
            except ValueError as error:
                raise PydanticCustomError("duration", str(error)) from None

        return core_schema.no_info_plain_validator_function(
            read, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "pattern": r"^\d+ (epochs?|steps?)$", "examples": ["40 epochs", "2000 steps"]}
