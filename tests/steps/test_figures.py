"""Steps that give directions, numbers and figures: attribute, ladder, map, strays, curves, measure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from steps.doing import check, do
from steps.models import Judge, context, dataset, registry, trained

from gdl_core import media
from gdl_core.errors import DataError, InputError, UnknownNameError
from gdl_core.values import Column, Table

pytest.importorskip("matplotlib")


def judge() -> Any:
    return trained(Judge, name="dots/judge")


def test_an_attribute_points_where_it_grows(tmp_path: Path) -> None:
    right = do("attribute", tmp_path, model=trained(), data=dataset(), where="right")
    assert right.name == "right"
    assert right.direction[0] > 1
    assert abs(right.direction[1]) < 0.3
    assert right.facts["with"] + right.facts["without"] == 180  # training samples only
    numbers = do("attribute", tmp_path, model=trained(), data=dataset(), where="x")
    assert np.abs(numbers.direction - right.direction).max() < 0.2
    low = do("attribute", tmp_path, model=trained(), data=dataset(), where="low", method="regression", hold=["right"])
    assert low.direction[1] > 1
    assert abs(low.direction[0]) < 0.1


def test_an_attribute_of_some_samples_is_much_that_of_all(tmp_path: Path) -> None:
    every = do("attribute", tmp_path, model=trained(), data=dataset(), where="right")
    some = do("attribute", tmp_path, model=trained(), data=dataset(), where="right", limit=40)
    assert every.facts["with"] + every.facts["without"] == len(dataset().train) > 40
    assert some.facts["with"] == some.facts["without"] == 20
    cosine = (every.direction * some.direction).sum() / np.sqrt((every.direction**2).sum() * (some.direction**2).sum())
    assert cosine > 0.95


def test_an_attribute_against_another_value(tmp_path: Path) -> None:
    across = do("attribute", tmp_path, model=trained(), data=dataset(), where={"corner": "b"}, against="a")
    assert across.direction[0] > 1
    assert abs(across.direction[1]) < 0.3
    assert across.name == "corner b"


def _shaded() -> Any:
    from dataclasses import replace

    numbers = np.arange(len(dataset()), dtype=np.float32)
    return replace(dataset(), columns={**dataset().columns, "shade": Column(numbers)})


def test_attributes_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"4 categories; say which, like where: \{corner: d\}"):
        do("attribute", tmp_path, model=trained(), data=dataset(), where="corner")
    with pytest.raises(UnknownNameError, match="did you mean 'right'"):
        do("attribute", tmp_path, model=trained(), data=dataset(), where="rihgt")
    with pytest.raises(InputError, match=r"'shade' holds numbers, .* leave 'against' out"):
        do("attribute", tmp_path, model=trained(), data=_shaded(), where="shade", against=3)
    with pytest.raises(ValidationError, match="one column"):
        check("attribute", tmp_path, model=trained(), data=dataset(), where={"a": 1, "b": 2})
    with pytest.raises(ValidationError, match="regression"):
        check("attribute", tmp_path, model=trained(), data=dataset(), where="right", hold=["low"])


def test_a_ladder_rises_and_tells_its_side_effects_and_its_control(tmp_path: Path) -> None:
    vectors = [do("attribute", tmp_path, model=trained(), data=dataset(), where=name) for name in ("right", "low")]
    media.write(vectors[1], tmp_path / "low.npz", None, registry())
    surroundings = context(tmp_path, "ladder")
    figure = do(
        "ladder", tmp_path, surroundings, model=trained(), data=dataset(), vectors=[vectors[0], "low.npz"],
        probe=judge(), n=3,
    )  # fmt: skip
    table = figure.data
    assert table.header == ("vector", "direction", "strength", "right", "low", "n")
    assert len(table.rows) == 2 * 2 * 7
    named = [row for row in table.rows if row[:2] == ("right", "named")]
    own, side = ([row[column] for row in named] for column in (3, 4))
    assert own == sorted(own)
    assert own[-1] - own[0] > 0.8
    assert max(side) - min(side) < 0.2
    assert {row[5] for row in table.rows} == {60}
    random = [row for row in table.rows if row[:2] == ("right", "random")]
    assert len(random) == 7
    assert [row[3] for row in random] != own
    assert random[3][3] == own[3]  # strength 0
    assert any("rising at every step" in note and "random" in note for note in surroundings.notes)
    assert figure.pixels.shape[-1] == 3


def test_strength_0_is_the_reconstruction_and_a_probe_is_not_needed(tmp_path: Path) -> None:
    vector = do("attribute", tmp_path, model=trained(), data=dataset(), where="right")
    figure = do("ladder", tmp_path, model=trained(), data=dataset(), vectors=vector, strengths=[0, 1])
    assert figure.data.header == ("vector", "direction", "strength", "n")
    from dataclasses import replace

    none = replace(dataset(), held_out=np.array([], dtype=np.int64))
    with pytest.raises(DataError, match="has none; give 'of'"):
        do("ladder", tmp_path, model=trained(), data=none, vectors=vector, strengths=[0, 1])
    with pytest.raises(DataError, match="samples of different shapes"):
        do(
            "ladder", tmp_path, model=trained(), data=dataset(), vectors=vector, strengths=[0, 1],
            probe=replace(judge(), data_shape=(1, 12, 12)),
        )  # fmt: skip
    with pytest.raises(ValidationError, match="classify"):
        check("ladder", tmp_path, model=trained(), data=dataset(), vectors=vector, probe=trained())


def test_a_map_holds_the_places_that_it_draws(tmp_path: Path) -> None:
    data = dataset()
    figure = do("map", tmp_path, model=[trained(), trained(shift=1.0)], data=data, colour="corner", planes=["z", "p"])
    table = figure.data
    assert table.header == ("model", "plane", "x", "y", "corner")
    assert len(table.rows) == 4 * 240
    z = [row for row in table.rows if row[0] == "dot shift 0" and row[1] == "z"]
    assert np.abs(np.array([row[2] for row in z]) - data.columns["x"].values).max() < 0.1
    p = np.array([row[2:4] for row in table.rows if row[1] == "p"], float)
    assert p.min() >= 0
    assert p.max() <= 1
    again = do("map", tmp_path, model=[trained(), trained(shift=1.0)], data=data, colour="corner", planes=["z", "p"])
    assert np.array_equal(figure.pixels, again.pixels)


def test_a_map_of_numbers_of_some_samples(tmp_path: Path) -> None:
    figure = do("map", tmp_path, model=trained(), data=dataset(), colour="x", held_out=True, limit=20)
    assert len(figure.data.rows) == 20
    with pytest.raises(UnknownNameError, match="no column 'y'"):
        do("map", tmp_path, model=trained(), data=dataset(), colour="y")


@pytest.mark.parametrize("probe", [False, True])
def test_strays_are_accepted_less_the_further_they_are(probe: bool, tmp_path: Path) -> None:
    figure = do(
        "strays", tmp_path, model=[trained(), trained(shift=1.0)], data=dataset(), distances=[0.5, 4], n=4,
        counted=40, **({"probe": judge()} if probe else {}),
    )  # fmt: skip
    rows = figure.data.rows
    assert rows[0][0] == "(held-out data)"
    assert rows[0][3] == pytest.approx(0.9 if probe else 0.95, abs=0.05 if probe else 0.02)
    assert rows[1][0] == "(mean picture)"
    near, far = ([row[3] for row in rows if row[2] == distance] for distance in (0.5, 4.0))
    assert len(near) == len(far) == 2
    assert min(near) > 0.8
    assert max(far) == 0
    assert len(rows[0]) == len(figure.data.header) == (7 if probe else 6)
    assert {row[1] for row in rows[2:]} == {"from the prior", "even in the box of codes", "ring"}


def history(*names: str) -> Table:
    rows = tuple((float(epoch), epoch * 10.0, *(1.0 / epoch + i for i in range(len(names)))) for epoch in (1, 2, 3))
    return Table(("epoch", "step", *names), rows)


def test_curves_hold_training_and_held_out(tmp_path: Path) -> None:
    from dataclasses import replace

    models = [
        replace(trained(), history=history("loss", "kl", "held_out_loss", "held_out_kl")),
        replace(trained(shift=1.0), history=history("loss", "held_out_loss")),
    ]
    figure = do("curves", tmp_path, model=models)
    assert figure.data.header == ("model", "part", "samples", "epoch", "value")
    assert {row[:3] for row in figure.data.rows} == {
        ("dot shift 0", "loss", "training"), ("dot shift 0", "loss", "held-out"), ("dot shift 0", "kl", "training"),
        ("dot shift 0", "kl", "held-out"), ("dot shift 1", "loss", "training"), ("dot shift 1", "loss", "held-out"),
    }  # fmt: skip
    only = do("curves", tmp_path, model=models[0], of=["kl"], log=True)
    assert {row[1] for row in only.data.rows} == {"kl"}
    with pytest.raises(UnknownNameError, match="did you mean 'loss'"):
        do("curves", tmp_path, model=models, of=["los"])


GAME = ("critic_distance", "critic_loss", "critic_real_accuracy", "critic_fake_accuracy", "generator_loss", "diversity")


def test_curves_of_a_game_put_the_players_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from gdl_core.media import plots

    drawn: list[Any] = []

    def spy(panels: Any, *rest: Any, **more: Any) -> Any:
        drawn.append((panels, more["marks"]))
        return real(panels, *rest, **more)

    real = plots.line_panels
    monkeypatch.setattr(plots, "line_panels", spy)
    told = history(*GAME, *(f"held_out_{name}" for name in GAME[:-1]))
    told = replace(told, header=(*told.header, "critic_penalty"), rows=tuple((*r, p) for r, p in zip(
        told.rows, (0.5, None, 0.25), strict=True)))  # fmt: skip
    one = replace(trained(), history=told)
    figure = do("curves", tmp_path, model=one)
    panels, marks = drawn[0]
    assert list(panels) == ["losses", "accuracies", "critic_distance", "diversity", "critic_penalty"]
    assert [(line.part, line.colour, line.dashed) for line in panels["losses"]] == [
        ("critic", 0, True), ("critic", 0, False), ("generator", 1, True), ("generator", 1, False),
    ]  # fmt: skip
    assert {line.part for line in panels["accuracies"]} == {"critic real", "critic fake"}
    assert marks == {"accuracies": 0.5, "diversity": 1.0}
    (penalty,) = panels["critic_penalty"]
    assert (list(penalty.x), list(penalty.y)) == ([1.0, 3.0], [0.5, 0.25]), "what is between two points is joined"
    assert {row[1] for row in figure.data.rows} == {*GAME, "critic_penalty"}, "the table keeps the parts' own names"
    do("curves", tmp_path, model=[one, replace(trained(shift=1.0), history=told)])
    panels, marks = drawn[1]
    assert list(panels)[:4] == ["critic_loss", "generator_loss", "critic_real_accuracy", "critic_fake_accuracy"]
    assert marks["critic_real_accuracy"] == 0.5
    do("curves", tmp_path, model=one, of=["critic_loss"])
    assert list(drawn[2][0]) == ["critic_loss"]


def test_curves_of_a_search_put_what_candidates_earned_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from gdl_core.media import plots

    drawn: list[Any] = []

    def spy(panels: Any, x_label: str, *rest: Any, **more: Any) -> Any:
        drawn.append((panels, x_label))
        return real(panels, x_label, *rest, **more)

    real = plots.line_panels
    monkeypatch.setattr(plots, "line_panels", spy)
    rows = ((1.0, 5.0, 9.0, 1.0, 0.1, None), (2.0, 6.0, 9.5, 2.0, 0.11, 7.0))
    told = Table(("generation", "mean", "best", "worst", "step_size", "watched"), rows)
    one = replace(trained(), history=told)
    figure = do("curves", tmp_path, model=one)
    panels, x_label = drawn[0]
    assert x_label == "generation"
    assert {name: [line.part for line in lines] for name, lines in panels.items()} == {
        "earned": ["mean", "best", "worst", "watched"], "step_size": [""],
    }  # fmt: skip
    assert [list(line.x) for line in panels["earned"]] == [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [2.0]]
    assert figure.data.header == ("model", "part", "samples", "generation", "value")
    with pytest.raises(DataError, match="draw them apart"):
        do("curves", tmp_path, model=[one, replace(trained(shift=1.0), history=history("loss"))])


def test_charts_say_what_they_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gdl_core.media.extras.find_spec", lambda name: None)
    for step, arguments in (("curves", {}), ("map", {"data": dataset(), "colour": "right"})):
        _, faults = check(step, tmp_path, model=trained(), **arguments)
        assert faults == [f"{step} needs the extra 'plots': pip install 'gdl-toolkit[plots]'"]


def test_measures_stand_beside_their_baselines(tmp_path: Path) -> None:
    table = do("measure", tmp_path, model=[trained(), trained(shift=1.0)], data=dataset(), of=["reconstruction"])
    assert table.header[:3] == ("measure", "dot shift 0", "dot shift 1")
    assert float(table.column("dot shift 0")[0]) < 0.01  # type: ignore[arg-type]
    assert "PCA" in str(table.column("baselines")[0])
    assert table.column("seed") == (7,)


def test_what_was_not_measured_is_said_and_so_is_another_split(tmp_path: Path) -> None:
    surroundings = context(tmp_path, "few")
    of = ["precision_recall", "reconstruction"]
    table = do("measure", tmp_path, surroundings=surroundings, model=trained(), data=dataset(8), of=of)
    assert table.column("measure") == ("reconstruction error (RMSE)",)
    assert surroundings.notes == [
        "measure precision_recall says nothing of dot: too few samples, or none that it is about"
    ]
    with pytest.raises(DataError, match="nothing was measured: precision_recall found too few samples, or none to jud"):
        do("measure", tmp_path, model=trained(), data=dataset(8), of=["precision_recall"])
    elsewhere = replace(trained(), data={"fingerprint": "that of another split"})
    surroundings = context(tmp_path, "split")
    do("measure", tmp_path, surroundings=surroundings, model=elsewhere, data=dataset(), of=["reconstruction"])
    assert surroundings.notes == [
        "dot: trained on another data set than dots, or on another split of it, so what is held out here may have been "
        "seen"
    ]


def test_unknown_measures_and_models_that_cannot_be_measured(tmp_path: Path) -> None:
    _, faults = check("measure", tmp_path, model=trained(), data=dataset(), of=["reconstructoin"])
    assert "did you mean 'reconstruction'" in faults[0]
    _, faults = check("measure", tmp_path, model=judge(), data=dataset(), of=["reconstruction"])
    assert "needs a model that decodes and encodes" in faults[0]
    _, faults = check("measure", tmp_path, model=trained(), data=dataset(), of=["attribute_shares"])
    assert "measure attribute_shares needs a probe: add features, a model that classifies" in faults
    _, faults = check("measure", tmp_path, model=trained(), data=dataset(), features=judge(), of=["dependence"])
    assert not any("probe" in fault for fault in faults)


def test_a_measure_that_lacks_its_extra_is_refused_by_name_and_left_out_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        type(registry()), "lacking", lambda self, spec: "pip install 'x[metrics]'" if spec.name == "frechet" else ""
    )
    _, faults = check("measure", tmp_path, model=trained(), data=dataset(), of=["smoothness", "frechet"])
    assert "measure frechet needs the extra 'metrics': pip install 'x[metrics]'" in faults
    surroundings = context(tmp_path, "all")
    table = do("measure", tmp_path, surroundings=surroundings, model=trained(), data=dataset())
    assert "reconstruction error (RMSE)" in table.column("measure")
    assert surroundings.notes == ["measure frechet is left out, since it needs more: pip install 'x[metrics]'"]
