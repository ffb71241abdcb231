"""What a plugin offers, told without importing torch.

A hook returns these specs. A spec names its code as a string (`"gdl_vae.model:VAE"`), which is imported on first use,
so listing, checking and `--help` stay fast and one broken file harms only itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal, get_args

from gdl_core.errors import PluginError

GDL_API = 1
"""Version of the contract between core and plugins. A plugin may set `GDL_API`; a newer one than ours is refused."""

Role = Literal["trains", "samples", "encodes", "decodes", "scores", "predicts", "acts", "classifies", "styles"]
"""What a model can be asked to do."""

Kind = Literal[
    "image", "latent", "text", "notes", "audio", "frames", "environment", "episodes", "dataset", "model", "vector",
    "table", "figure",
]  # fmt: skip
"""What steps pass to one another."""

ROLES: tuple[str, ...] = get_args(Role)
KINDS: tuple[str, ...] = get_args(Kind)

_NAME = re.compile(r"[a-z][a-z0-9_-]*\Z")


def a_kind(kind: str) -> str:
    """Return a kind of value with its article.

    >>> a_kind("image"), a_kind("model"), a_kind("frames")
    ('an image', 'a model', 'frames')
    """
    if kind in ("text", "notes", "audio", "frames", "episodes"):
        return kind
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def one_of(kinds: Iterable[str]) -> str:
    """Return kinds of value that will do, in words.

    >>> one_of(["image", "text", "latent"])
    'an image, text or a latent'
    """
    *others, last = (a_kind(kind) for kind in kinds)
    return f"{', '.join(others)} or {last}" if others else last


def several(kind: str) -> str:
    """Return a word for several values of a kind.

    >>> several("image"), several("text"), several("notes")
    ('pictures', 'texts', 'notes')
    """
    return {"image": "pictures", "text": "texts"}.get(kind, kind)


def load_target(target: str) -> Any:
    """Import `package.module:attribute` and return the attribute.

    Raises:
        PluginError: the target is malformed, its module fails to import, or the attribute is not there.
    """
    module_name, _, attribute = target.partition(":")
    if not module_name or not attribute:
        raise PluginError(f"'{target}' is not of the form package.module:attribute; mend the plugin's spec")
    try:
        return getattr(import_module(module_name), attribute)
    except AttributeError as error:
        raise PluginError(f"{module_name} has no '{attribute}'; mend the plugin's spec ({error})") from error
    except ImportError as error:
        raise PluginError(f"{target} cannot be imported ({type(error).__name__}: {error})") from error


@dataclass(frozen=True)
class Spec:
    """What all specs share. `plugin` is filled in by the registry with the name of the entry point that gave it."""

    name: str
    summary: str
    plugin: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if not _NAME.match(self.name):
            raise PluginError(
                f"'{self.name}' cannot be a name: use lower-case letters, digits, '-' and '_', beginning with a letter"
            )

    @property
    def full_name(self) -> str:
        """The name that is always unique: `plugin/name`."""
        return f"{self.plugin}/{self.name}"


@dataclass(frozen=True)
class ModelSpec(Spec):
    """A model: `target` names a subclass of `gdl_core.contracts.Model`, `config` a pydantic model (torch-free).

    `fitted` says that it learns at once, by `Model.fit`, so that a recipe says neither how long nor in what batches.
    `makes` is the kind of value that its samples are shown as; a model of texts learns from datasets of texts alone.
    """

    target: str
    config: str
    roles: tuple[Role, ...]
    source: str = ""
    fitted: bool = False
    makes: Kind = "image"


@dataclass(frozen=True)
class StepSpec(Spec):
    """A word of the recipe language.

    `arguments` names a pydantic model (torch-free); `target` a function `(arguments, context) -> value of kind gives`.
    `version` enters the step's key: raise it when the same arguments come to give another result. `together` says that
    all processes of a torchrun do the step, each its share (`gdl_core.training.distributed`); only the first may write.
    """

    target: str
    arguments: str
    gives: Kind
    version: int = 1
    together: bool = False


@dataclass(frozen=True)
class DatasetSpec(Spec):
    """A dataset: `config` names a pydantic model (torch-free), `target` a function `(config, context) -> Dataset`.

    In a recipe it is a step: `do: digits`. `extra` is the optional dependency that it needs, if any. `makes` is the
    kind of value that its samples are shown as. `packages` are distributions whose data it gives: another version of
    one is another dataset.
    """

    target: str
    config: str
    extra: str = ""
    licence: str = ""
    version: int = 1
    makes: Kind = "image"
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class FormatSpec(Spec):
    """A file format for values of some kinds.

    `write` names a function `(value, path, record: dict | None) -> list[Path]`, `read` one `(path) -> value` or "",
    `read_record` one `(path) -> dict | None`. `verify` names one `(path, record) -> bool | None` that says whether the
    file holds what `record["content"]` vouches for; without it the digest of what `read` gives is compared. `remark`
    names one `() -> str` that is asked when a run has saved such a file: what is to be told of how it was made here for
    want of something better, or nothing.
    """

    suffixes: tuple[str, ...]
    kinds: tuple[Kind, ...]
    write: str
    read: str = ""
    read_record: str = ""
    extra: str = ""
    verify: str = ""
    remark: str = ""


@dataclass(frozen=True)
class MeasureSpec(Spec):
    """A number with its baselines: `target` names a function `(Subject) -> list[Measurement]`.

    `roles` are the roles that the measured model must fill. `extra` is the optional dependency that it needs, if any.
    `judged` says that it gives nothing without a probe (`features` of the step `measure`), `weights` that it gives
    nothing without those of the FID Inception (`inception` there). `kinds` are those that samples have to be of; empty:
    it does not matter what they are.
    """

    target: str
    roles: tuple[Role, ...] = ()
    extra: str = ""
    judged: bool = False
    weights: bool = False
    kinds: tuple[Kind, ...] = ()


@dataclass(frozen=True)
class RecipeSpec(Spec):
    """A recipe shipped with a plugin: `resource` is `package:path/in/package.yaml`."""

    resource: str
