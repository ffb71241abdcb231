"""A probe: a small classifier of a dataset's columns, trained apart, that judges what generative models make."""

from __future__ import annotations

from collections.abc import Iterable

from gdl_core import ModelSpec, hookimpl

GDL_API = 1


@hookimpl
def gdl_models() -> Iterable[ModelSpec]:
    """Offer `probe`."""
    yield ModelSpec(
        "probe",
        "A small classifier of the dataset's category columns, to judge attributes and labels of made pictures.",
        target="gdl_probe.probe:Probe",
        config="gdl_probe.config:ProbeConfig",
        roles=("trains", "classifies"),
    )
