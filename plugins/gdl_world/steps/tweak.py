"""`tweak`: what each number of a vision moves: a sheet of frames with one number changed at a time, and a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from gdl_core.arguments import StepArguments
from gdl_core.values import Figure
from gdl_world.fit import need_fit
from gdl_world.steps.inputs import EpisodesInput, VisionModel

if TYPE_CHECKING:
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `tweak`."""

    vision: VisionModel = Field(description="a vision, or another model that encodes and decodes frames")
    episodes: EpisodesInput = Field(description="episodes, whose held-out frames are tweaked")
    n: int = Field(8, ge=1, le=64, description="numbers to show, those that move most first")
    columns: int = Field(9, ge=3, le=31, description="values to show of each")
    reach: float = Field(2.5, gt=0, le=10, description="how far a number is moved, in standard deviations of the data")
    frames: int = Field(64, ge=2, le=4096, description="frames that the numbers of the table are means over")


def run(arguments: Arguments, context: StepContext) -> Figure:
    """Return the sheet, and for each number what it moves and where."""
    from gdl_core.media.sheet import Grid, draw
    from gdl_core.training.build import choose_device
    from gdl_world.tweaks import moved, row_of

    trained, episodes = arguments.vision, arguments.episodes
    need_fit("the vision and the episodes", tuple(trained.data_shape), tuple(episodes.shape))
    trained.model.to(choose_device(context.device)).eval()
    found = moved(trained, episodes, context.noise, arguments.frames, arguments.reach, context.check_cancelled)
    first = found.order[: arguments.n].tolist()
    grids = Grid(
        found.sheet(trained, first, arguments.columns, arguments.reach),
        columns=arguments.columns,
        rows=[f"z {number}" for number in first],
    )
    title = f"one number at a time, {arguments.reach:g} standard deviations either way"
    table = found.table()
    for row in table.rows[:3]:
        context.note(row_of(row))
    return Figure(draw([grids], title=title), table)
