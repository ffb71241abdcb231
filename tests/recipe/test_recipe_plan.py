"""Keys: equal where the result would be equal, different where it would not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gdl_core.recipe import check_text, make_plan, plan
from gdl_core.registry import Registry

TEXT = """gdl: 1
seed: 3
vars: {n: 2}
steps:
  a: {do: draw, n: $n, save: a.png}
  b: {do: join, of: [$a]}
  c: {do: count, of: $b}
  d: {do: dots, folder: pictures}
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "pictures" / "in").mkdir(parents=True)
    (tmp_path / "pictures" / "one.png").write_bytes(b"one")
    (tmp_path / "pictures" / "in" / "two.png").write_bytes(b"two")
    return tmp_path


def keys(registry: Registry, base: Path, text: str = TEXT, *overrides: str) -> dict[str, str]:
    recipe = check_text(text, registry, base=base, overrides=overrides)
    return {entry.step.name: entry.key for entry in make_plan(recipe, registry)}


def changed(registry: Registry, base: Path, text: str = TEXT, *overrides: str) -> set[str]:
    before, after = keys(registry, base), keys(registry, base, text, *overrides)
    return {name for name in before if after.get(name) != before[name]}


def test_same_recipe_same_keys(registry: Registry, base: Path) -> None:
    assert changed(registry, base) == set()
    assert len(set(keys(registry, base).values())) == 4


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("n: 2", "n: 3", {"a", "b", "c"}),
        ("seed: 3", "seed: 4", {"a", "b", "c", "d"}),
        ("{do: draw,", "{do: draw, size: 4,", set()),  # the default, said aloud
        ("{do: draw,", "{do: draw, size: 5,", {"a", "b", "c"}),
        ("save: a.png", "save: [a.png, b.png]", set()),
        ("seed: 3", "title: other\ndevice: cpu\nseed: 3", set()),
        ("n: $n", "n: 2", set()),
        ("[$a]", "[$a, $a]", {"b", "c"}),
        ("{do: join, of: [$a]}", "{do: join, of: [$a], seed: 9}", {"b", "c"}),
    ],
)
def test_what_changes_a_key(registry: Registry, base: Path, old: str, new: str, expected: set[str]) -> None:
    assert old in TEXT
    assert changed(registry, base, TEXT.replace(old, new)) == expected


def test_contents_of_files_count_and_not_where_they_lie(registry: Registry, base: Path, tmp_path: Path) -> None:
    before = keys(registry, base)
    (base / "pictures").rename(base / "moved")
    assert keys(registry, base, TEXT.replace("folder: pictures", "folder: moved")) == before
    os.utime(base / "moved" / "one.png", (1, 1))
    assert keys(registry, base, TEXT.replace("folder: pictures", "folder: moved")) == before
    (base / "moved" / "in" / "two.png").write_bytes(b"2")
    after = keys(registry, base, TEXT.replace("folder: pictures", "folder: moved"))
    assert {name for name in before if after[name] != before[name]} == {"d"}


def test_version_of_a_plugin_counts(registry: Registry, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    before = keys(registry, base)
    newer = tuple(replace(info, version="9") if info.name == "fakes" else info for info in registry.plugins)
    monkeypatch.setattr(registry, "plugins", newer)
    after = keys(registry, base)
    assert all(after[name] != before[name] for name in before)


def test_version_of_the_package_that_data_come_from_counts(
    registry: Registry, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "gdl: 1\nsteps: {d: {do: dots}, e: {do: digits}}"
    installed = {"dots-of-others": "1.0"}
    monkeypatch.setattr(plan, "version", lambda name: installed[name])
    first = keys(registry, base, text)
    installed["dots-of-others"] = "1.1"
    second = keys(registry, base, text)
    assert {name for name in first if first[name] != second[name]} == {"d"}


def test_version_of_the_plugin_of_a_model_counts(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    text = "gdl: 1\nsteps: {d: {do: digits}, v: {do: train, model: vae, data: $d, for: 1 epoch}}"
    before = keys(registry, Path(), text)
    newer = tuple(replace(info, version="9") if info.name == "vae" else info for info in registry.plugins)
    monkeypatch.setattr(registry, "plugins", newer)
    after = keys(registry, Path(), text)
    assert after["d"] == before["d"]
    assert after["v"] != before["v"]
