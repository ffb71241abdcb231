"""`minari`: episodes from a Minari dataset, as `save: NAME.zip` writes it or as other libraries do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from gdl_core.arguments import StepArguments
from gdl_core.config import InputPath
from gdl_core.errors import MissingExtraError
from gdl_world.environment import need

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gdl_core.data.episodes import Episodes
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext

_AT_ONCE = 16  # episodes


class Arguments(StepArguments):
    """Arguments of `minari`."""

    path: InputPath = Field(description="the folder of a Minari dataset, or a zip file of it")
    size: int = Field(0, ge=0, le=1024, description="pixels a side that pictures are shrunk to; 0: as they are")
    held_out: float = Field(
        0.1, ge=0, lt=1, description="share of the episodes that is held out; of ours, the same ones as before are"
    )

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that Minari is there."""
        try:
            need("reading Minari datasets", "minari", "minari", "h5py")
        except MissingExtraError as error:
            yield ("path",), str(error)


def run(arguments: Arguments, context: StepContext) -> Episodes:
    """Return the episodes, copied into the step's folder."""
    from contextlib import closing

    from gdl_core.data.dataset import fingerprint
    from gdl_core.errors import DataError
    from gdl_core.training.distributed import here
    from gdl_world.minari_dataset import MinariDataset
    from gdl_world.store import Store

    private = context.folder / f"unzipped-{here().rank}"
    with closing(MinariDataset(arguments.path, private, arguments.size)) as given:
        if given.count < 1:
            raise DataError(f"{arguments.path}: there are no episodes in it")
        (first,) = given.episodes(0, 1)
        height, width, channels = first.frames.shape[1:]
        key = fingerprint("minari", given.id, given.content, arguments.size, given.about)
        store = Store(context.folder / "episodes", (channels, height, width), given.actions.numbers, key, given.about)
        while (done := len(store.episodes)) < given.count:
            context.progress(done, given.count)
            context.check_cancelled()
            store.add(given.episodes(done, min(done + _AT_ONCE, given.count)))
        found = store.value(given.id, context.noise, arguments.held_out, given.held_out)
    context.note(f"minari: {given.count:,} episodes of {given.id}, {len(found):,} steps")
    return found
