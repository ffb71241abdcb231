"""What pydantic finds wrong, in words; and settings as rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError, field_validator

from gdl_core.arguments import Accepts, StepArguments
from gdl_core.config import Duration, InputPath, Settings
from gdl_core.explain import explain, settings_of
from gdl_core.values import Images


class Inner(Settings):
    depth: int = Field(2, ge=1, le=8)


class Args(StepArguments):
    n: int | Literal["all"] = "all"
    share: float = Field(0.5, gt=0, lt=1, description="how much")
    how: Literal["row", "column"] = "row"
    sizes: list[Annotated[int, Field(ge=2)]] = Field([4], min_length=1, max_length=3)
    at: tuple[float, float] = (0.0, 1.0)
    inner: Inner = Inner()
    inners: tuple[Inner, ...] = ()
    limit: float | None = Field(None, allow_inf_nan=False)
    flag: bool = False
    name: str = "x"
    where: dict[str, Any] = Field({})
    duration: Duration = Field(Duration(1, "epochs"), alias="for")
    image: Annotated[Images | Path, Accepts("image", files=True)] | None = None
    folder: InputPath | None = None

    @field_validator("name")
    @classmethod
    def _short(cls, name: str) -> str:
        if len(name) > 3:
            raise ValueError("should be short")
        return name


@pytest.mark.parametrize(
    ("data", "path", "message"),
    [
        ({"n": "many"}, ("n",), "'n' should be a whole number or 'all', got 'many'"),
        ({"n": 1.5}, ("n",), "'n' should be a whole number or 'all', got 1.5"),
        ({"share": 0}, ("share",), "'share' should be more than 0 and less than 1, got 0"),
        ({"share": 1.5}, ("share",), "'share' should be more than 0 and less than 1, got 1.5"),
        ({"how": "rows"}, ("how",), "'how' should be 'row' or 'column', got 'rows'; did you mean 'row'?"),
        ({"sizes": [4, 1]}, ("sizes", 1), "'sizes[1]' should be at least 2, got 1"),
        ({"sizes": []}, ("sizes",), "'sizes' should have at least 1 items, got 0"),
        ({"sizes": [4] * 4}, ("sizes",), "'sizes' should have at most 3 items, got 4"),
        ({"sizes": 4}, ("sizes",), "'sizes' should be a list, got 4"),
        ({"at": [1]}, ("at", 1), "'at' lacks item 2"),
        ({"inner": {"depht": 1}}, ("inner", "depht"), "unknown key 'depht' for step x; did you mean 'depth'?"),
        ({"inner": {"depth": 9}}, ("inner", "depth"), "'inner.depth' should be at least 1 and at most 8, got 9"),
        ({"inner": 3}, ("inner",), "'inner' should be a set of keys and values, got 3"),
        (
            {"inners": [{"depth": 0}]},
            ("inners", 0, "depth"),
            "'inners[0].depth' should be at least 1 and at most 8, got 0",
        ),
        ({"limit": float("inf")}, ("limit",), "'limit' should be a finite number, got inf"),
        ({"flag": "maybe"}, ("flag",), "'flag' should be true or false, got 'maybe'"),
        ({"name": 3}, ("name",), "'name' should be a text, got 3"),
        ({"name": "long"}, ("name",), "'name' should be short"),
        ({"where": [1]}, ("where",), "'where' should be a set of keys and values, got [1]"),
        ({"for": "long"}, ("for",), "'for' should be like '40 epochs' or '2000 steps'"),
        ({"image": "none.png"}, ("image",), "'image': no such file: none.png"),
        ({"image": 3}, ("image",), "'image' needs an image, but was given 3"),
        ({"folder": 3}, ("folder",), "'folder' should be the path of a file or folder"),
        ({"zzz": 1}, ("zzz",), "unknown key 'zzz' for step x; it has: n, share, how"),
    ],
)
def test_faults_in_words(data: dict[str, Any], path: tuple[str | int, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError) as caught:
        Args.model_validate(data, context={"base": tmp_path})
    ((where, told),) = explain(caught.value, Args, data, "step x")
    assert where == path
    assert told.startswith(message) if data.keys() == {"zzz"} else told == message


def test_all_faults_at_once() -> None:
    data = {"n": "x", "share": 3, "bad": 1}
    with pytest.raises(ValidationError) as caught:
        Args.model_validate(data)
    assert [path for path, _ in explain(caught.value, Args, data, "step x")] == [("n",), ("share",), ("bad",)]


def test_settings_as_rows() -> None:
    rows = {row.key: row for row in settings_of(Args)}
    assert rows["n"].type == "a whole number or 'all'"
    assert (rows["share"].range, rows["share"].default, rows["share"].help) == (
        "more than 0 and less than 1", "0.5", "how much",
    )  # fmt: skip
    assert rows["sizes"].type == "a list, each a whole number"
    assert rows["at"].type == "a list of 2: a number; a number"
    assert rows["for"].default == "1 epoch"
    assert rows["image"].type == "$step that gives an image, or a file or none"
    assert rows["folder"].type == "a path or none"
    assert rows["flag"].default == "false"
    assert rows["inner"].default == "{depth: 2}"
