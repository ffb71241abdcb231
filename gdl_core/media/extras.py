"""Which optional libraries are installed, asked without importing them."""

from __future__ import annotations

from importlib.util import find_spec

from gdl_core.errors import MissingExtraError

_MODULES: dict[str, tuple[str, ...]] = {
    "plots": ("matplotlib",),
    "video": ("imageio_ffmpeg",),
    "minari": ("minari", "h5py"),
    "faces": ("python_avatars", "resvg_py"),
    "music": ("mido", "music21", "pretty_midi"),
    "text": ("tokenizers",),
}


def has_extra(extra: str) -> bool:
    """Return whether the libraries of an extra are installed; extras of other packages count as installed."""
    return all(find_spec(module) is not None for module in _MODULES.get(extra, ()))


def require_extra(what: str, extra: str) -> None:
    """Raise MissingExtraError, naming `what` needs it, if an extra is not installed."""
    if not has_extra(extra):
        raise MissingExtraError(what, extra)
