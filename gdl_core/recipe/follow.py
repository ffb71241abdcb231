"""Several processes that run one recipe, as torchrun starts them.

    torchrun --nproc-per-node 2 -m gdl_cli.main run dodge

The first runs the recipe as if it were alone. The others wait until it comes to a step that all do together
(`StepSpec.together`); what they need for it they read from the run folder, which has to lie on a disk that all of them
see. What is of a kind that is not kept, an environment or a dataset, they make again from what lies there. Only the
first process says what a run comes to.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gdl_core.errors import GdlError
from gdl_core.recipe.compute import Surroundings, compute
from gdl_core.recipe.keep import kept
from gdl_core.recipe.lock import RunFolder
from gdl_core.recipe.plan import PlannedStep

if TYPE_CHECKING:
    from gdl_core.training.distributed import Ranks

END = -1
"""Said in place of a step's number, once the run is over."""


class Follower:
    """What all processes but the first do.

    Args:
        plan: of the recipe, the same in all processes.
        folder: the run folder.
        around: what steps are given.
        here: which process this is.
    """

    def __init__(self, plan: tuple[PlannedStep, ...], folder: Path, around: Surroundings, here: Ranks) -> None:
        self.plan, self.folder, self.around, self.here = plan, RunFolder(folder), around, here

    def run(self) -> None:
        """Do what is done together, until the first process says that the run is over.

        Raises:
            GdlError: a step failed, or the first process has ended.
        """
        from gdl_core.training.distributed import of_first

        while (number := int(of_first(lambda: float(END), self.here))) != END:
            entry = self.plan[number]
            values: dict[str, Any] = {}
            inputs = {name: self._value(name, values) for name in entry.step.inputs}
            compute(entry.step, inputs, self.folder.state(entry.step.name), self.around, [])

    def _value(self, name: str, values: dict[str, Any]) -> Any:
        if name not in values:
            entry = next(entry for entry in self.plan if entry.step.name == name)
            state, step = self.folder.state(name), entry.step
            value = kept(step.gives.kind, state, self.around.registry) if self.folder.begun(name) == entry.key else None
            if value is None and step.gives.kind == "model":
                raise GdlError(
                    f"process {self.here.rank} cannot read what step '{name}' gave in {state}; all processes have to "
                    "see the run folder"
                )
            if value is None:
                inputs = {need: self._value(need, values) for need in step.inputs}
                value = compute(step, inputs, state, self.around, [])
            values[name] = value
        return values[name]
