"""Whatever a recipe says, checking it ends soon, with an answer in words.

`benchmarks/fuzz_recipes.py` asks more often.
"""

from __future__ import annotations

import time
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recipe.mutations import generated, mutated, shipped

import gdl_core.builtin
import gdl_data
import gdl_probe
import gdl_vae
from gdl_core.errors import Fault, RecipeError
from gdl_core.recipe import check_text, make_plan
from gdl_core.registry import Registry

REGISTRY = Registry.from_plugins([gdl_core.builtin, gdl_data, gdl_probe, gdl_vae])

RECIPES = st.one_of(generated(REGISTRY), mutated(shipped(REGISTRY)))

LONGEST = 2.0
"""Seconds of this process that a check may take."""


def ask(text: str) -> bool:
    """Check a recipe; return whether it is a good one. Anything but an answer in words is a failure."""
    started = time.process_time()
    faults: tuple[Fault, ...] = ()
    try:
        good = bool(check_text(text, REGISTRY, base=Path(__file__).parent).steps)
    except RecipeError as error:
        good, faults = False, error.faults
    assert time.process_time() - started < LONGEST
    assert good != bool(faults)
    last = len(text.splitlines()) + 1
    for fault in faults:
        assert fault.message.isprintable()
        assert 0 < len(fault.message) < 2000
        assert fault.line is None or (1 <= fault.line <= last and (fault.column or 1) >= 1)
    return good


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(RECIPES)
def test_checking_answers_in_words(text: str) -> None:
    ask(text)


def test_the_good_ones_pass() -> None:
    good = [text for text in shipped(REGISTRY) if "path: $path" not in text]
    assert good
    for text in good:
        assert ask(text)
        assert make_plan(check_text(text, REGISTRY), REGISTRY)
