"""Find everything wrong with a recipe at once, before anything runs and without torch."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from gdl_core.arguments import Promise, StepArguments
from gdl_core.errors import Fault, GdlError, InputError, PluginError, RecipeError
from gdl_core.explain import explain
from gdl_core.recipe.document import (
    STEP_KEYS,
    Document,
    Override,
    StepNodes,
    put,
    read_document,
    read_overrides,
    read_seed,
)
from gdl_core.recipe.load import Mark, Node, Source, parse
from gdl_core.recipe.references import Resolver, fill, refs_in
from gdl_core.recipe.rewrite import as_run
from gdl_core.recipe.saving import SavePlan
from gdl_core.registry import Registry
from gdl_core.specs import ROLES, DatasetSpec, Kind, StepSpec


@dataclass(frozen=True)
class CheckedStep:
    """A step that can run.

    Attributes:
        name: its name in the recipe.
        spec: the step, or the dataset used as one.
        arguments: its settings, with a Promise for each result of an earlier step.
        raw: the same as plain data with a Ref for each result; validated again once the results are there.
        inputs: the earlier steps that it needs.
        seed: the seed of its noise.
        save: where its result goes, relative to the run folder.
        cache: false: it runs every time.
        gives: what it and later steps know of its result.
    """

    name: str
    spec: StepSpec | DatasetSpec
    arguments: BaseModel
    raw: dict[str, Any]
    inputs: tuple[str, ...]
    seed: int
    save: tuple[str, ...]
    cache: bool
    gives: Promise


@dataclass(frozen=True)
class Recipe:
    """A recipe in which nothing is wrong.

    Attributes:
        name: the file's stem, or the name of a shipped recipe; names the run folder.
        text: the recipe as run, with overrides in and without absolute paths; goes into every record.
        base: folder that relative paths start from.
        vars: values of the vars.
    """

    name: str
    title: str
    seed: int
    device: str
    text: str
    base: Path
    vars: dict[str, Any]
    steps: tuple[CheckedStep, ...]

    def step(self, name: str) -> CheckedStep:
        """Return a step by its name; raises KeyError."""
        return {step.name: step for step in self.steps}[name]


def check_file(path: Path, registry: Registry, overrides: Iterable[str] = ()) -> Recipe:
    """Check a recipe file; relative paths in it start from its folder.

    Raises:
        InputError: the file cannot be read. RecipeError: with every fault of the recipe.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError([Fault(f"not a text in UTF-8 (byte {error.start})", str(path))]) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    return check_text(text, registry, file=str(path), name=path.stem, base=path.resolve().parent, overrides=overrides)


def check_text(
    text: str,
    registry: Registry,
    *,
    file: str = "recipe",
    name: str = "recipe",
    base: Path | None = None,
    overrides: Iterable[str] = (),
) -> Recipe:
    """Check a recipe's text; `overrides` are `name=value` or `step.key=value`, as after `-s`.

    Raises:
        RecipeError: with every fault of the recipe.
    """
    source = Source(text, file)
    root = parse(source)
    changes: list[Override] = []
    if isinstance(root.value, dict):
        changes = read_overrides(root, overrides)
        for change in changes:
            root = put(root, change.path, change.node)
    document, faults = read_document(root, source)
    checker = _Checker(document, source, registry, base or Path.cwd())
    faults += checker.needs()
    steps = [checker.step(step) for step in document.steps]
    faults += checker.resolver.faults + checker.faults
    if faults:
        unique = dict.fromkeys(faults)
        raise RecipeError(sorted(unique, key=lambda fault: (fault.line or 0, fault.column or 0)))
    return Recipe(
        name=name,
        title=document.title or name,
        seed=document.seed,
        device=document.device,
        text=as_run(text, root, changes),
        base=checker.base,
        vars=checker.resolver.vars,
        steps=tuple(step for step in steps if step is not None),
    )


class _Checker:
    def __init__(self, document: Document, source: Source, registry: Registry, base: Path) -> None:
        self.document = document
        self.source = source
        self.registry = registry
        self.base = base
        self.faults: list[Fault] = []
        self.resolver = Resolver(document, source)
        self.saving = SavePlan(registry)
        self.promises: dict[str, Promise] = {}
        self.broken: set[str] = set()

    def fault(self, message: str, mark: Mark) -> None:
        self.faults.append(self.source.fault(message, mark))

    def needs(self) -> list[Fault]:
        """Return a fault for each plugin that the recipe needs and that is not there."""
        found = []
        for node in self.document.needs:
            try:
                self.registry.plugin(str(node.value))
            except PluginError as error:
                found.append(self.source.fault(str(error), node.mark))
        return found

    def step(self, nodes: StepNodes) -> CheckedStep | None:
        """Check one step; None if something about it is wrong."""
        before = len(self.faults) + len(self.resolver.faults)
        spec = self._spec(nodes)
        raw = self.resolver.resolve(nodes.arguments, nodes.name)
        seed = read_seed(nodes.seed and self._plain(nodes.seed, nodes), self.source, self.faults)
        seed = seed if nodes.seed is not None else self.document.seed
        cache = self._plain(nodes.cache, nodes).value if nodes.cache is not None else True
        if nodes.cache is not None and not isinstance(cache, bool):
            self.fault("'cache' should be true or false", nodes.cache.mark)
        arguments = self._arguments(nodes, spec, raw) if spec is not None else None
        promise = self._promise(nodes, spec, arguments, raw)
        save = self._save(nodes, None if promise is None else promise.kind)
        if promise is None and arguments is not None and before == len(self.faults) + len(self.resolver.faults):
            self.fault(f"what kind of value '{nodes.name}' gives is not known: its model does not say", nodes.do.mark)
        self.resolver.enter(nodes.name)
        clean = before == len(self.faults) + len(self.resolver.faults)
        if spec is None or arguments is None or promise is None or not clean:
            self.broken.add(nodes.name)
            kind = spec.gives if isinstance(spec, StepSpec) else "dataset"
            known = promise or Promise(nodes.name, kind, makes=None)
            self.promises[nodes.name] = replace(known, roles=frozenset[str](ROLES))
            return None
        self.promises[nodes.name] = promise
        return CheckedStep(nodes.name, spec, arguments, raw, refs_in(raw), seed, save, bool(cache), promise)

    def _plain(self, node: Node, nodes: StepNodes) -> Node:
        return replace(node, value=self.resolver.resolve(node, nodes.name, steps=False))

    def _spec(self, nodes: StepNodes) -> StepSpec | DatasetSpec | None:
        if not isinstance(nodes.do.value, str):
            return None
        try:
            spec = self.registry.find_step(nodes.do.value)
        except GdlError as error:
            self.fault(str(error), nodes.do.mark)
            return None
        if isinstance(spec, DatasetSpec):
            pip = self.registry.lacking(spec)
            if pip:
                self.fault(f"dataset {spec.name} needs the extra '{spec.extra}': {pip}", nodes.do.mark)
        return spec

    def _arguments(self, nodes: StepNodes, spec: StepSpec | DatasetSpec, raw: dict[str, Any]) -> BaseModel | None:
        owner = f"{'step' if isinstance(spec, StepSpec) else 'dataset'} {spec.name}"
        try:
            model = self.registry.load(spec, "arguments" if isinstance(spec, StepSpec) else "config")
            if not (isinstance(model, type) and issubclass(model, BaseModel)):
                raise PluginError(
                    f"plugin '{spec.plugin}' is broken: the settings of '{spec.name}' are not a pydantic model"
                )
        except GdlError as error:
            self.fault(str(error), nodes.do.mark)
            return None
        data = fill(raw, self.promises)
        context = {"base": self.base}
        try:
            arguments: BaseModel = model.model_validate(data, context=context)
        except ValidationError as error:
            found = explain(error, model, data, owner)
            for path, message in found:
                if not path or path[-1] not in STEP_KEYS:
                    self._fault_at(nodes, path, message)
            wrong = {path[0] for path, _ in found if path}
            self._faults_of_rest(nodes, spec, model, {k: v for k, v in data.items() if k not in wrong}, context)
            return None
        except Exception as error:
            self.fault(self._bug(spec, error), nodes.do.mark)
            return None
        self._own_faults(nodes, spec, arguments)
        return arguments

    def _faults_of_rest(
        self,
        nodes: StepNodes,
        spec: StepSpec | DatasetSpec,
        model: type[BaseModel],
        rest: dict[str, Any],
        context: dict[str, Any],
    ) -> None:
        """Find what is wrong beyond types in the arguments that are right, so that all is told at once."""
        told = frozenset(nodes.arguments.mapping) - rest.keys()
        try:
            self._own_faults(nodes, spec, model.model_validate(rest, context=context), told)
        except ValidationError:  # a needed one is among the wrong: ask about the others as far as they can be asked
            partial = model.model_construct(**rest)
            if isinstance(partial, StepArguments):
                with suppress(Exception):
                    for path, message in partial.faults(self.registry):
                        self._fault_at(nodes, tuple(path), message)

    def _own_faults(
        self,
        nodes: StepNodes,
        spec: StepSpec | DatasetSpec,
        arguments: BaseModel,
        told: frozenset[str] = frozenset(),
    ) -> None:
        if not isinstance(arguments, StepArguments):
            return
        try:
            for path, message in arguments.faults(self.registry):
                if not path or path[0] not in told:  # one that is wrong is not missed as well
                    self._fault_at(nodes, tuple(path), message)
        except GdlError as error:
            self.fault(str(error), nodes.do.mark)
        except Exception as error:
            self.fault(self._bug(spec, error), nodes.do.mark)

    def _bug(self, spec: StepSpec | DatasetSpec, error: Exception) -> str:
        return f"plugin '{spec.plugin}' is broken: checking '{spec.name}' raised {type(error).__name__}: {error}"

    def _fault_at(self, nodes: StepNodes, path: tuple[str | int, ...], message: str) -> None:
        node = nodes.arguments.at(path)
        if node.mark in self.resolver.unsure or self._refers_to_broken(node):
            return
        if not path or path[0] not in nodes.arguments.mapping:
            self.fault(message, nodes.mark)
        elif message.startswith("unknown key"):
            self.fault(message, nodes.arguments.key_mark(path))
        elif isinstance(path[-1], str) and node is nodes.arguments.at(path[:-1]):
            self.fault(message, nodes.arguments.key_mark(path[:-1]))
        else:
            self.fault(message, node.mark)

    def _refers_to_broken(self, node: Node) -> bool:
        return isinstance(node.value, str) and node.value.strip("${}") in self.broken

    def _promise(
        self, nodes: StepNodes, spec: StepSpec | DatasetSpec | None, arguments: BaseModel | None, raw: dict[str, Any]
    ) -> Promise | None:
        """Return what a step will give; None if that depends on what is wrong with it."""
        if spec is None:
            return None
        if isinstance(spec, DatasetSpec):
            return Promise(nodes.name, "dataset", makes=spec.makes)
        if arguments is None:
            with suppress(Exception):  # what is wrong with them is told already
                model: type[BaseModel] = self.registry.load(spec, "arguments")
                return self._told(nodes.name, spec, model.model_construct(**fill(raw, self.promises)))
            return None
        try:
            return self._told(nodes.name, spec, arguments)
        except GdlError as error:
            self.fault(str(error), nodes.do.mark)
        except Exception as error:
            self.fault(self._bug(spec, error), nodes.do.mark)
        return None

    def _told(self, name: str, spec: StepSpec, arguments: BaseModel) -> Promise | None:
        """Return what the arguments of a step say that it will give."""
        if not isinstance(arguments, StepArguments):
            return Promise(name, spec.gives)
        kind = arguments.gives_kind(self.registry, spec.gives)
        if kind is None:
            return None
        return Promise(name, kind, arguments.gives_roles(self.registry), arguments.makes(self.registry))

    def _save(self, nodes: StepNodes, kind: Kind | None) -> tuple[str, ...]:
        if nodes.save is None:
            return ()
        items = nodes.save.value if isinstance(nodes.save.value, list) else [nodes.save]
        paths = []
        for item in items:
            node = self._plain(item, nodes)
            if node.mark in self.resolver.unsure:
                continue
            message = self.saving.add(node.value, nodes.name, kind)
            if message:
                self.fault(message, node.mark)
            paths.append(str(node.value))
        return tuple(paths)
