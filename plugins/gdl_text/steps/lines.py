"""`lines`: texts as they stand in the recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from gdl_core.arguments import StepArguments
from gdl_core.values import Text

if TYPE_CHECKING:
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `lines`."""

    of: list[Annotated[str, Field(min_length=1, max_length=1 << 20)]] = Field(min_length=1, description="the texts")


def run(arguments: Arguments, context: StepContext) -> Text:
    """Return them."""
    return Text(tuple(arguments.of))
