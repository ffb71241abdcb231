"""`train`: fit a model to a dataset. Broken off and run again, it goes on from its last checkpoint.

A model that is fitted at once takes none of what belongs to rounds, and begins again where it was broken off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError, field_validator

from gdl_core.arguments import Accepts, DatasetInput, StepArguments, makes_of
from gdl_core.config import Duration
from gdl_core.errors import DataError, GdlError, PluginError
from gdl_core.explain import explain
from gdl_core.media.atomic import write_bytes
from gdl_core.specs import Kind, several
from gdl_core.values import TrainedModel

if TYPE_CHECKING:
    from pydantic import BaseModel

    from gdl_core.contracts import Model
    from gdl_core.data.dataset import Dataset
    from gdl_core.registry import Registry
    from gdl_core.specs import ModelSpec
    from gdl_core.steps.context import StepContext
    from gdl_core.training.trained import Trained

_SHOWN = 8
_LETTERS = 40  # of a name, in a message
_OF_ROUNDS = ("duration", "begin", "batch", "ema", "precision", "collapse", "previews")
"""Arguments that mean nothing to a model that is fitted at once."""


class Arguments(StepArguments):
    """Arguments of `train`."""

    model: str = Field(description="name of a model, see: gdl models")
    data: DatasetInput = Field(description="the dataset")
    duration: Duration | None = Field(
        None, alias="for", description="how long, like '40 epochs' or '2000 steps'; models fitted at once take none"
    )
    settings: dict[str, Any] = Field({}, alias="set", description="settings of the model, see: gdl models NAME")
    begin: Annotated[TrainedModel, Accepts("model")] | None = Field(
        None,
        alias="from",
        description="a trained model of this name whose weights are the first ones; settings that are left out are its",
    )
    batch: int = Field(128, ge=1, le=65536, description="samples in a batch")
    ema: float | None = Field(None, gt=0, lt=1, description="end with a moving average of the weights, with this decay")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="arithmetic; auto: bf16 where it pays")
    device: str | None = Field(None, description="auto, cpu, cuda …; left out: the run's")
    collapse: Literal["warn", "stop"] = Field(
        "warn", description="what to do when the posterior or the generator has collapsed"
    )
    previews: bool = Field(True, description="write pictures of how far it has come into the step's folder")

    @field_validator("duration", mode="before")
    @classmethod
    def _a_duration(cls, value: object) -> object:
        """Refuse none where it is written: only one that is left out means that a model needs no duration."""
        return "" if value is None else value

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check the model's name and its settings."""
        try:
            spec = registry.find("model", self.model)
            config_class = registry.load(spec, "config")
        except GdlError as error:
            yield ("model",), str(error)
            return
        if "trains" not in spec.roles:
            yield ("model",), f"model {spec.name} is not trained; it {' and '.join(spec.roles)}"
        elif spec.fitted:
            for name in _OF_ROUNDS:
                if name in self.model_fields_set:
                    key = type(self).model_fields[name].alias or name
                    yield (key,), f"model {spec.name} is fitted at once, not in rounds; leave out '{key}'"
        elif self.duration is None:
            yield ("for",), f"model {spec.name} needs 'for': how long to train, like '40 epochs' or '2000 steps'"
        makes = makes_of(getattr(self, "data", None))  # not there where something else is wrong with it
        if makes is not None and makes != spec.makes:
            yield (
                ("data",),
                f"model {spec.name} learns from {several(spec.makes)}, but this dataset holds {several(makes)}",
            )
        try:
            config_class.model_validate(self.settings)
        except ValidationError as error:
            missing = {
                found["loc"] for found in error.errors() if found["type"] == "missing" and self.begin is not None
            }
            for path, message in explain(error, config_class, self.settings, f"model {spec.name}"):
                if path not in missing:  # the model that it begins with may have it
                    yield ("set", *path), message

    @classmethod
    def refine_schema(cls, schema: dict[str, Any], definitions: dict[str, Any], registry: Registry) -> None:
        """Name the models, and let `set` and `for` take what the one that is chosen does."""
        from gdl_core.steps.settings_schema import model_settings

        models, more = model_settings(registry, "trains")
        definitions |= more
        known = [{"const": word, "description": spec.summary} for spec, words, _ in models for word in words]
        schema["properties"]["model"] = {"description": "the model", "anyOf": [*known, {"$ref": "#/$defs/reference"}]}
        rounds = dict.fromkeys((cls.model_fields[name].alias or name for name in _OF_ROUNDS), False)
        schema["allOf"] = [
            {
                "if": {"required": ["model"], "properties": {"model": {"enum": words}}},
                "then": {
                    "properties": {"set": settings, **(rounds if spec.fitted else {})},
                    "required": [] if spec.fitted else ["for"],
                },
            }
            for spec, words, settings in models
        ]

    def gives_roles(self, registry: Registry) -> frozenset[str]:
        """Return the roles of the model that is named."""
        try:
            return frozenset(registry.find("model", self.model).roles)
        except GdlError:
            return frozenset()

    def makes(self, registry: Registry) -> Kind | None:
        """Return what samples of the model that is named are shown as."""
        try:
            return registry.find("model", self.model).makes
        except GdlError:
            return None


def run(arguments: Arguments, context: StepContext) -> TrainedModel:
    """Build the model from the seed, train it, and describe what came out."""
    from gdl_core.latent.fingerprint import fingerprint
    from gdl_core.latent.tiles import measure_tile
    from gdl_core.training.build import build_model
    from gdl_core.training.config import TrainingConfig
    from gdl_core.training.loop import train

    registry, data = context.registry, arguments.data
    spec, begin = registry.find("model", arguments.model), arguments.begin
    if begin is not None and begin.name != spec.full_name:
        raise DataError(f"train needs 'from' to be a {spec.full_name}, but a {begin.name} was given")
    config = _config(registry.load(spec, "config"), arguments, spec)
    model_class: type[Model] = registry.load(spec, "target")
    _check_spec(spec, model_class)
    asked, config = config, model_class.fit_config(config, data)
    for name in arguments.settings:
        if (told := getattr(config, name, None)) != getattr(asked, name, None):
            context.note(f"train: {name} is not as it was set; for {data.name} it is {str(told)[:_LETTERS]}")
    model = build_model(model_class, config, data.shape, context.noise)
    if begin is not None:
        _take_weights(model, begin, arguments.settings)
    settings = TrainingConfig(
        duration=arguments.duration or Duration(1, "epochs"),
        batch=arguments.batch,
        ema=arguments.ema,
        precision=arguments.precision,
        device=arguments.device or context.device,
        collapse=arguments.collapse,
    )
    preview = _Previews(data, context) if arguments.previews and data.is_pictures else None
    trained = train(
        model, data, settings, context.folder, context.noise, context.progress, context.cancelled, preview,
        key=f"{spec.full_name} {config.model_dump_json()} {data.fingerprint} {context.noise.seed} {arguments.duration}"
        + (f" {begin.fingerprint}" if begin else ""),
        tell=context.note,
    )  # fmt: skip
    _tell(trained, spec, context)
    model.cpu()
    described = config.model_dump(mode="json")
    return TrainedModel(
        model=model,
        name=spec.full_name,
        version=registry.plugin(spec.plugin).version,
        config=described,
        data_shape=tuple(data.shape),
        tile=measure_tile(model),
        fingerprint=fingerprint(model, described),
        data={
            "name": data.name,
            "fingerprint": data.fingerprint,
            "samples": len(data.train),
            "columns": {name: list(column.names) for name, column in data.columns.items()},
        },
        history=trained.history,
        training=_facts(trained, arguments, context),
    )


def _config(config_class: type[BaseModel], arguments: Arguments, spec: ModelSpec) -> BaseModel:
    """Return the settings: those of the recipe, and those of the model to begin with where the recipe says nothing."""
    settings = {**(arguments.begin.config if arguments.begin else {}), **arguments.settings}
    try:
        return config_class.model_validate(settings)
    except ValidationError as error:  # each alone was fine
        _, message = next(iter(explain(error, config_class, settings, f"model {spec.name}")))
        raise DataError(f"these settings and those of 'from' do not go together: {message}") from error


def _take_weights(model: Model, begin: TrainedModel, chosen: Mapping[str, Any]) -> None:
    """Let a model begin with the weights of a trained one.

    Args:
        model: it.
        begin: the trained one.
        chosen: settings that the recipe names.

    Raises:
        DataError: they are of other shapes, or of categories with other names; which, is told.
    """
    from gdl_core.latent.spaces import unwrapped

    told, theirs = model.config.model_dump(mode="json"), begin.config
    for key in told:
        ours, other = _words(told[key]), _words(theirs.get(key))
        if (key not in chosen or told[key] != chosen[key]) and ours != other:
            apart = [pair for pair in zip_longest(other, ours, fillvalue="none") if len(set(pair)) > 1]
            learned, there = (
                ", ".join(word[:_LETTERS] for word in words[:6]) + (" …" if len(words) > 6 else "")
                for words in zip(*apart, strict=True)
            )
            raise DataError(f"'from' learned other {key}: {learned}, the data have {there}; train without 'from'")
    mine, given = model.state_dict(), unwrapped(begin.model).state_dict()
    differ = [name for name in mine.keys() | given.keys() if name not in mine or name not in given]
    differ += [name for name in mine.keys() & given.keys() if mine[name].shape != given[name].shape]
    if not differ:
        model.load_state_dict(given)
        return
    changed = [f"{key} {theirs.get(key)} and {told[key]}" for key in chosen if theirs.get(key) != told.get(key)]
    why = f"settings differ ({', '.join(changed)})" if changed else f"it learned from data of shape {begin.data_shape}"
    raise DataError(f"the weights of 'from' do not fit: {why}; leave those settings out, or train without 'from'")


def _words(value: Any) -> list[str]:
    """Return all names in a setting, in their order; numbers, like shares of categories, may differ."""
    if isinstance(value, Mapping):
        return [word for key, part in value.items() for word in (str(key), *_words(part))]
    if isinstance(value, list | tuple):
        return [word for part in value for word in _words(part)]
    return [value] if isinstance(value, str) else []


def _check_spec(spec: ModelSpec, model_class: type[Model]) -> None:
    if spec.fitted != model_class.fits_at_once():
        way = "fit() and no players()" if model_class.fits_at_once() else "players()"
        raise PluginError(
            f"model {spec.full_name} has {way}, but its spec says fitted={spec.fitted}; mend the plugin's spec"
        )


def _facts(trained: Trained, arguments: Arguments, context: StepContext) -> dict[str, Any]:
    """Return what a model file tells of the training."""
    ran = {"seed": context.noise.seed, "device": trained.device, **trained.facts}
    if arguments.begin is not None:
        ran["from"] = arguments.begin.fingerprint
    if trained.at_once:
        return {"fits": trained.steps, "samples": trained.samples, **ran}
    return {
        "for": str(arguments.duration),
        "batch": arguments.batch,
        "ema": arguments.ema,
        "steps": trained.steps,
        "epochs": trained.epochs,
        "precision": trained.precision,
        **ran,
    }


def _tell(trained: Trained, spec: ModelSpec, context: StepContext) -> None:
    if trained.at_once:
        told = f"{spec.name}: fitted at once to {trained.samples:,} samples in {trained.seconds:.1f} s"
        context.note(f"{told} on {trained.device}")
        return
    rate = f", {trained.samples / trained.seconds:,.0f} samples a second" if trained.seconds > 0 else ""
    resumed = f", gone on from step {trained.resumed_from}" if trained.resumed_from else ""
    context.note(
        f"{spec.name}: {trained.steps} steps ({trained.epochs:g} epochs) in {trained.seconds:.1f} s "
        f"on {trained.device} in {trained.precision} ({trained.precision_reason}){rate}{resumed}"
    )
    for note in trained.notes:
        if note not in context.notes:  # not told while it was training
            context.note(note)


class _Previews:
    """Writes pictures of a half-trained model: held-out samples above their reconstructions, and new samples."""

    def __init__(self, data: Dataset, context: StepContext) -> None:

        rows = data.held_out if len(data.held_out) >= _SHOWN else data.train
        order = context.noise.stream("preview rows").permutation(len(rows)).numpy()
        self.x = data.tensor(rows[order[:_SHOWN]])
        self.noise = context.noise.stream("preview")
        self.folder = context.folder / "previews"

    def __call__(self, model: Model, step: int) -> None:
        from io import BytesIO

        from gdl_core.latent.tiles import to_pixels
        from gdl_core.media.raster import to_image
        from gdl_core.media.sheet import Grid, draw

        roles, grids = model.roles(), []
        if {"encodes", "decodes"} <= roles:
            x = self.x.to(model.device)
            both = [to_pixels(self.x), to_pixels(model.decode(model.encode(x).mean).float().cpu())]
            grids.append(Grid(np.concatenate(both), columns=len(x), rows=("held-out", "reconstructed")))
        if "samples" in roles:
            made = to_pixels(model.sample(2 * _SHOWN, self.noise).float().cpu())
            grids.append(Grid(made, columns=_SHOWN, rows=("sampled", "")))
        if grids:
            buffer = BytesIO()
            to_image(draw(grids, title=f"step {step}")).save(buffer, "PNG")
            write_bytes(self.folder / f"{step:07d}.png", buffer.getvalue())
