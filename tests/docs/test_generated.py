"""Pages that are written from the plugins are as the plugins say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from gdl_core.registry import get_registry

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
assert spec is not None
assert spec.loader is not None
generate = importlib.util.module_from_spec(spec)
spec.loader.exec_module(generate)


def test_the_pages_are_as_they_would_be_written() -> None:
    for path, text in generate.pages(get_registry()).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is out of date: run python docs/generate.py"


def test_every_word_is_on_the_page() -> None:
    registry, page = get_registry(), generate.words(get_registry())
    for kind in ("step", "dataset", "model"):
        for one in getattr(registry, f"{kind}s"):
            if registry.plugin(one.plugin).package == generate.OURS:
                assert f"\n### {one.name}\n" in page
    assert "| `truncation` | " in page


def test_a_page_without_the_block_is_told() -> None:
    assert generate.with_block("a\n<!-- generated: x -->\nold\n<!-- end -->\nb", "x", "new") == (
        "a\n<!-- generated: x -->\nnew\n<!-- end -->\nb"
    )
    with pytest.raises(AssertionError, match="0 blocks called y"):
        generate.with_block("a", "y", "new")
