"""Which plugins are installed, what they offer, and why some of them could not be loaded.

Begin with `get_registry()`; `loading` finds and guards plugins, `contents` asks them what they offer and checks the
answers, `catalogue` looks names up. May import: errors, specs, hooks. No torch is imported here.
"""

from __future__ import annotations

from gdl_core.registry.catalogue import Registry, get_registry
from gdl_core.registry.loading import PluginInfo

__all__ = ["PluginInfo", "Registry", "get_registry"]
