"""`measure`: numbers about models, each beside the baselines that make it mean something."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from gdl_core.arguments import Accepts, DatasetInput, StepArguments, makes_of
from gdl_core.config import InputPath
from gdl_core.errors import DataError, GdlError
from gdl_core.specs import several
from gdl_core.steps.inputs import OneOrMore
from gdl_core.steps.shown import data_wanted
from gdl_core.values import Table, TrainedModel

if TYPE_CHECKING:
    from gdl_core.measures.inception import Inception
    from gdl_core.registry import Registry
    from gdl_core.specs import MeasureSpec
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `measure`."""

    model: Annotated[list[Annotated[TrainedModel, Accepts("model")]], OneOrMore] = Field(
        min_length=1, description="a model, or several to compare"
    )
    data: DatasetInput = Field(description="the dataset; what is held out is what counts")
    of: list[str] = Field([], description="names of measures, see: gdl measures; left out: all that fit the model")
    column: str | None = Field(None, description="a column, for measures about labels")
    features: Annotated[TrainedModel | None, Accepts("model", roles=("classifies",))] = Field(
        None, description="a probe, in whose features samples are compared; left out: principal components of pictures"
    )
    inception: InputPath | None = Field(
        None, description="a safetensors file with the published weights of the FID Inception, for the measure fid"
    )
    limit: int = Field(10_000, ge=10, description="samples at most that a measure looks at")

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check the names of the measures, that each model fills the roles that they need, and the file of weights."""
        if message := data_wanted(self.model, self.data):
            yield ("data",), message
        for index, name in enumerate(self.of):
            try:
                spec = registry.find("measure", name)
            except GdlError as error:
                yield ("of", index), str(error)
                continue
            if pip := registry.lacking(spec):
                yield ("of", index), f"measure {spec.name} needs the extra '{spec.extra}': {pip}"
            if spec.judged and self.features is None:
                yield ("of", index), f"measure {spec.name} needs a probe: add features, a model that classifies"
            if spec.weights and self.inception is None:
                wanted = "the published weights of the FID Inception: add inception, a safetensors file"
                yield ("inception",), f"measure {spec.name} needs {wanted} (docs/measures.md says how to make it)"
            for model in self.model:
                makes = makes_of(model)
                if spec.kinds and makes is not None and makes not in spec.kinds:
                    yield (
                        ("of", index),
                        f"measure {spec.name} is of {several(spec.kinds[0])}, this model of {several(makes)}",
                    )
                lacking = set(spec.roles) - set(_roles(model))
                if lacking:
                    yield ("of", index), f"measure {spec.name} needs a model that {' and '.join(sorted(lacking))}"
        if self.inception is not None:
            from gdl_core.measures.inception_layers import check_weights  # builds a table that no other check needs

            try:
                check_weights(self.inception)
            except GdlError as error:
                yield ("inception",), str(error)


def _roles(model: object) -> frozenset[str]:
    """Return the roles of a model, or of the promise of one while a recipe is checked."""
    if isinstance(model, TrainedModel):
        return model.model.roles()
    roles: frozenset[str] = getattr(model, "roles", frozenset())
    return roles


def run(arguments: Arguments, context: StepContext) -> Table:
    """Return a row for each measure: a value for each model, unit, baselines, how many samples, and a remark."""
    from gdl_core.measures.subject import Measurement, Subject, to_table
    from gdl_core.steps.inputs import model_names, ready

    registry, names = context.registry, model_names(arguments.model)
    _told_of_splits(arguments, names, context)
    ready([*arguments.model, *filter(None, [arguments.features])], context)
    wanted = [registry.find("measure", name) for name in arguments.of]
    if not wanted:
        lacking = {spec.name: registry.lacking(spec) for spec in registry.measures}
        wanted = [spec for spec in registry.measures if not lacking[spec.name]]
        for name, pip in lacking.items():
            if pip:
                context.note(f"measure {name} is left out, since it needs more: {pip}")
    todo: list[tuple[str, TrainedModel, MeasureSpec]] = [
        (name, trained, spec)
        for name, trained in zip(names, arguments.model, strict=True)
        for spec in wanted
        if set(spec.roles) <= trained.model.roles() and (not spec.kinds or makes_of(trained) in spec.kinds)
    ]
    done = 0

    def each(looked_at: int) -> None:  # without a GPU the network takes hours for the usual numbers of pictures
        context.check_cancelled()
        context.progress(done, len(todo), pictures=looked_at)

    inception = _inception(arguments, context, (spec for _, _, spec in todo), each)
    found: dict[str, list[Measurement]] = {}
    subjects: dict[str, Subject] = {}  # one for each model: it keeps the codes and the choice of samples
    for done, (name, trained, spec) in enumerate(todo):
        context.check_cancelled()
        context.progress(done, len(todo))
        if name not in subjects:
            options = arguments.limit, arguments.column, arguments.features, inception
            subjects = {name: Subject(trained, arguments.data, context.noise, *options)}
        told = registry.load(spec, "target")(subjects[name])
        if not told and arguments.of:
            context.note(f"measure {spec.name} says nothing of {name}: too few samples, or none that it is about")
        found.setdefault(name, []).extend(told)
    context.progress(len(todo), len(todo))
    if arguments.of and not any(found.values()):
        raise DataError(f"nothing was measured: {', '.join(arguments.of)} found too few samples, or none to judge")
    return to_table(list(found.items()), seed=context.noise.seed)


def _told_of_splits(arguments: Arguments, names: Iterable[str], context: StepContext) -> None:
    """Note which models were trained on other data, or another split of these: they may have seen what is held out."""
    models = [*zip(names, arguments.model, strict=True)]
    if arguments.features is not None:
        models.append(("the features", arguments.features))
    for name, trained in models:
        if trained.data.get("fingerprint", arguments.data.fingerprint) != arguments.data.fingerprint:
            context.note(
                f"{name}: trained on another data set than {arguments.data.name}, or on another split of it, so what "
                "is held out here may have been seen"
            )


def _inception(
    arguments: Arguments, context: StepContext, specs: Iterable[MeasureSpec], each: Callable[[int], None]
) -> Inception | None:
    """Return the network of FID where a measure asks for it and the recipe names its weights."""
    if arguments.inception is None or not any(spec.weights for spec in specs):
        return None
    from gdl_core.measures.inception import read_inception
    from gdl_core.training.build import choose_device

    return read_inception(arguments.inception, choose_device(context.device), each)
