"""`open`: a model from a `.gdl` file, to go on with what an earlier run has trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, PrivateAttr

from gdl_core.arguments import StepArguments
from gdl_core.config import InputPath
from gdl_core.errors import CheckpointError, GdlError
from gdl_core.specs import Kind
from gdl_core.values import TrainedModel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `open`."""

    file: InputPath = Field(description="a .gdl file")
    _header: dict[str, Any] | None = PrivateAttr(None)

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that the file is a model, and that its plugin is here."""
        try:
            registry.find("model", self._told()["model"])
        except GdlError as error:
            yield ("file",), str(error)

    def gives_roles(self, registry: Registry) -> frozenset[str]:
        """Return the roles of the model in the file."""
        try:
            told = self._told()
            return frozenset(
                {"samples", "decodes"} if told.get("space") else registry.find("model", told["model"]).roles
            )
        except GdlError:
            return frozenset()

    def makes(self, registry: Registry) -> Kind | None:
        """Return what samples of the model in the file are shown as."""
        try:
            return registry.find("model", self._told()["model"]).makes
        except GdlError:
            return None

    def _told(self) -> dict[str, Any]:
        """Return what the file says of its model."""
        from gdl_core.model_file import read_header

        if self.file.is_dir():
            raise CheckpointError(f"{self.file.name} is a folder; a model is a .gdl file in it")
        if self._header is None:
            self._header = read_header(self.file)
        return self._header


def run(arguments: Arguments, context: StepContext) -> TrainedModel:
    """Return the model, as it was saved."""
    from gdl_core.model_file import read_model

    return read_model(arguments.file, context.registry)
