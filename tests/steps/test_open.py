"""`open`: a saved model is a model of a recipe again, known for what it is before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from steps.doing import check, do
from steps.models import registry, trained

from gdl_core.errors import RecipeError
from gdl_core.model_file import write_model
from gdl_core.recipe.check import check_text
from gdl_core.registry import get_registry

RECIPE = """gdl: 1
title: t
seed: 1
steps:
  old: {do: open, file: FILE}
  new: {do: STEP}
"""


def test_a_model_comes_back_from_its_file(tmp_path: Path) -> None:
    saved = trained()
    write_model(saved, tmp_path / "dot.gdl")
    found = do("open", tmp_path, file="dot.gdl")
    assert (found.name, found.config, found.data_shape) == (saved.name, saved.config, saved.data_shape)
    z = torch.randn(2, 2)
    assert torch.equal(found.model.decode(z), saved.model.decode(z))
    arguments, _ = check("open", tmp_path, file="dot.gdl")
    assert arguments.gives_roles(registry()) == frozenset(registry().find("model", "dot").roles)
    assert arguments.makes(registry()) == "image"


def test_what_is_no_model_is_told_before_work(tmp_path: Path) -> None:
    (tmp_path / "x.gdl").write_bytes(b"no model")
    for name, words in (("x.gdl", "not a .gdl file"), (".", "is a folder; a model is a .gdl file in it")):
        arguments, faults = check("open", tmp_path, file=name)
        assert len(faults) == 1
        assert words in faults[0]
        assert arguments.gives_roles(registry()) == frozenset()
        assert arguments.makes(registry()) is None


def test_a_recipe_knows_what_is_in_the_file(tmp_path: Path) -> None:
    pytest.importorskip("gdl_vae", reason="needs its plugin")
    write_model(trained(), tmp_path / "dot.gdl")
    text = RECIPE.replace("FILE", str(tmp_path / "dot.gdl"))
    with pytest.raises(RecipeError, match="dots"):  # whose plugin is not installed
        check_text(text.replace("STEP", "sample, model: $old"), get_registry())
    check_text(text.replace("STEP", "sample, model: $old"), registry())
    with pytest.raises(RecipeError, match="unknown step 'score'"):
        check_text(text.replace("STEP", "score, env: $old, agents: {a: $old}"), registry())
    with pytest.raises(RecipeError, match="needs a model that classifies"):
        check_text(text.replace("STEP", "neighbours, model: $old, data: $old, features: $old"), registry())
