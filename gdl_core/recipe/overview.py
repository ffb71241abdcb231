"""What a sweep shows in the end: a sheet or a film over each picture that its runs saved, tables over their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gdl_core import media
from gdl_core.errors import GdlError
from gdl_core.media import ITEM
from gdl_core.media.atomic import write_bytes
from gdl_core.media.raster import to_image, to_pixels
from gdl_core.media.sheet import Grid, draw, flatten, nice_columns
from gdl_core.recipe.check import Recipe
from gdl_core.recipe.lock import RunFolder
from gdl_core.recipe.page import make_page
from gdl_core.recipe.report import RunReport, StepReport, machine, table_facts
from gdl_core.recipe.sweep import Axis, Variant, sweep_record
from gdl_core.registry import Registry
from gdl_core.values import Cell, Figure, Frames, Images, Table

RUNS = "runs.csv"
PAGE = "report.html"
_WIDTH = 1640
_LEAST, _MOST, _MOST_IN_FILMS = 96, 512, 384
_ITEMS = 8
_FRAMES = 240
_PICTURES = (".png", ".webp", ".gif", ".mp4")

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Outcome:
    """How one run of a sweep ended: `error` is empty where it is done."""

    variant: Variant
    steps: Sequence[StepReport]
    error: str = ""


def write_overview(
    folder: Path, recipe: Recipe, axes: Sequence[Axis], outcomes: Sequence[Outcome], registry: Registry
) -> list[Path]:
    """Write a sweep's sheets, films and tables into its folder, under the names that its runs gave theirs, and a page.

    `runs.csv` has a row for each run: its values, how it ended, and where models end up. `report.html` shows all of it.
    """
    record = sweep_record(recipe, axes)
    done = [outcome for outcome in outcomes if not outcome.error]
    table = _runs(axes, outcomes)
    files = media.write(table, folder / RUNS, record, registry)
    parts = [_part("runs", "runs", files, table, [outcome.variant.folder / PAGE for outcome in outcomes])]
    taken = {RUNS}
    for step in done[0].variant.recipe.steps if done else ():
        about = {**record, "step": step.name}
        written: list[Path] = []
        for save in _different(step.save):
            value = _pictures(save, step.name, axes, done, registry)
            if value is not None:
                name = _free(_stem(save), PurePosixPath(save).suffix, taken)
                written += media.write(value, folder / name, about, registry)
        numbers = _table(step.name, axes, done)
        if numbers is not None:
            written += media.write(numbers, folder / _free(step.name, ".csv", taken), about, registry)
        if written:
            parts.append(_part(step.name, step.spec.name, written, numbers))
            files += written
    _write_page(folder, recipe, axes, outcomes, parts, registry)
    return [*files, folder / PAGE]


def _part(name: str, do: str, files: Sequence[Path], table: Table | None, more: Sequence[Path] = ()) -> StepReport:
    """Return what the page tells of some files, as if one step had made them."""
    report = StepReport(name, do, table=table_facts(table))
    report.outputs = [path.name for path in files]
    report.outputs += [f"{path.parent.name}/{path.name}" for path in more if path.is_file()]
    return report


def _write_page(
    folder: Path,
    recipe: Recipe,
    axes: Sequence[Axis],
    outcomes: Sequence[Outcome],
    parts: list[StepReport],
    registry: Registry,
) -> None:
    run = RunReport.begin(recipe, [], parts)
    parts[0].seconds = sum(step.seconds for outcome in outcomes for step in outcome.steps)
    run.each = tuple(axis.option for axis in axes)
    failed = sum(bool(outcome.error) for outcome in outcomes)
    if failed:
        run.status, run.error = "failed", f"{failed} of {len(outcomes)} runs failed; the table says why"
    run.where = machine(recipe.device, folder, registry)
    write_bytes(folder / PAGE, make_page(run, folder, recipe.base).encode())


def _free(stem: str, suffix: str, taken: set[str]) -> str:
    """Return a name that no other file over all runs has."""
    name = stem + suffix
    while name.casefold() in taken:
        stem += "-more"
        name = stem + suffix
    taken.add(name.casefold())
    return name


def _different(saves: Sequence[str]) -> list[str]:
    """Return what to make sheets of: the first picture or film that a step saves, and the first saved by item."""
    pictures = [save for save in saves if PurePosixPath(save).suffix.lower() in _PICTURES]
    return [*[save for save in pictures if ITEM not in save][:1], *[save for save in pictures if ITEM in save][:1]]


def _stem(save: str) -> str:
    """Return the name of a sheet over all that was saved as `save`: without folders and the number of the item."""
    path = PurePosixPath(save)
    parts = [*path.parent.parts, path.stem.replace(ITEM, "").strip("-_ .")]
    return "-".join(part for part in parts if part) or "items"


def _captions(axes: Sequence[Axis], outcomes: Sequence[Outcome]) -> list[str]:
    return [
        ", ".join(f"{axis.short} {label}" for axis, label in zip(axes, outcome.variant.labels, strict=True))
        for outcome in outcomes
    ]


def _pictures(
    save: str, step: str, axes: Sequence[Axis], outcomes: Sequence[Outcome], registry: Registry
) -> Figure | Frames | None:
    """Return one sheet, or one film, over a picture of every run; None where they cannot be read or have no like."""
    rows: list[list[Pixels]] = []
    fps = 24.0
    for outcome in outcomes:
        try:
            values = [media.read(path, registry) for path in _files(outcome.variant.folder, step, save)]
        except GdlError:
            return None
        if not values:
            return None
        if isinstance(values[0], Frames):
            fps = values[0].fps
        rows.append([value.pixels for value in values if isinstance(value, Images | Frames | Figure)])
    columns = min(map(len, rows))
    if not columns or any(pixels.ndim != 4 for row in rows for pixels in row):
        return None
    films = PurePosixPath(save).suffix.lower() != ".png" and len({len(row[0]) for row in rows}) == 1
    count = min(len(rows[0][0]), _FRAMES) if films else 1
    if not films and PurePosixPath(save).suffix.lower() == ".mp4":
        return None
    moments = np.linspace(0, len(rows[0][0]) - 1, count).round().astype(int)
    across = columns if columns > 1 else len(axes[-1].labels) if len(axes) > 1 else nice_columns(len(rows))
    if count == 1:
        return Figure(
            _sheet([[picture[0] for picture in row[:columns]] for row in rows], axes, outcomes, across, _MOST),
            _names(axes, outcomes),
        )
    frames = [_sheet([[row[0][moment]] for row in rows], axes, outcomes, across, _MOST_IN_FILMS) for moment in moments]
    return Frames(np.stack(frames), fps)


def _names(axes: Sequence[Axis], outcomes: Sequence[Outcome]) -> Table:
    return Table(tuple(axis.name for axis in axes), tuple(outcome.variant.labels for outcome in outcomes))


def _sheet(
    rows: list[list[Pixels]], axes: Sequence[Axis], outcomes: Sequence[Outcome], across: int, most: int
) -> Pixels:
    """Draw a grid: runs by the last axis and the others, or runs and their items where each saved several."""
    side = int(np.clip(_WIDTH / across, _LEAST, most))
    pictures = [_fit(picture, side) for row in rows for picture in row]
    cells = np.stack(_alike(pictures))
    captions = _captions(axes, outcomes)
    if len(rows[0]) > 1:
        grid = Grid(cells, columns=across, rows=captions)
    elif len(axes) > 1 and len(rows) == across * (len(rows) // across):
        heads = [f"{axes[-1].short} {label}" for label in axes[-1].labels]
        names = [
            ", ".join(f"{axis.short} {label}" for axis, label in zip(axes[:-1], outcome.variant.labels, strict=False))
            for outcome in outcomes[::across]
        ]
        grid = Grid(cells, columns=across, heads=heads, rows=names)
    else:
        grid = Grid(cells, columns=across, captions=captions)
    sheet = draw([grid])
    return sheet if sheet.shape[-1] == 3 else sheet.repeat(3, axis=-1)


def _fit(picture: Pixels, side: int) -> Pixels:
    """Return a picture no wider and no higher than `side`."""
    picture = flatten(picture)
    high, wide = picture.shape[:2]
    if max(high, wide) <= side:
        return picture
    scale = side / max(high, wide)
    size = max(1, round(wide * scale)), max(1, round(high * scale))
    return to_pixels(to_image(picture).resize(size, Image.Resampling.LANCZOS))


def _alike(pictures: Sequence[Pixels]) -> list[Pixels]:
    """Lay pictures in the middle of cells of one size, all grey or all in colour."""
    high = max(picture.shape[0] for picture in pictures)
    wide = max(picture.shape[1] for picture in pictures)
    channels = max(picture.shape[2] for picture in pictures)
    cells = []
    for picture in pictures:
        cell = np.full((high, wide, channels), 255, np.uint8)
        top, left = (high - picture.shape[0]) // 2, (wide - picture.shape[1]) // 2
        cell[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
        cells.append(cell)
    return cells


def _files(folder: Path, step: str, save: str) -> list[Path]:
    outputs = RunFolder.open(folder).steps.get(step, {}).get("outputs", {}).get(save, {})
    paths = [folder / name for name in outputs if not name.endswith(".gdl.json")]
    return sorted(paths, key=lambda path: (len(path.name), path.name))[:_ITEMS]


def _table(step: str, axes: Sequence[Axis], outcomes: Sequence[Outcome]) -> Table | None:
    """Return the tables that a step gave in all runs, one under another, each row with the values of its run."""
    rows: list[tuple[Cell, ...]] = []
    header: tuple[str, ...] = ()
    for outcome in outcomes:
        table = next((report.table for report in outcome.steps if report.name == step), None)
        if table is None or not table["rows"] or (header and tuple(table["header"]) != header):
            return None
        header = tuple(table["header"])
        rows += [(*outcome.variant.labels, *row) for row in table["rows"]]
    return Table((*(axis.name for axis in axes), *header), tuple(rows)) if header else None


def _runs(axes: Sequence[Axis], outcomes: Sequence[Outcome]) -> Table:
    columns = dict.fromkeys(name for outcome in outcomes for name in _ends(outcome))
    header = (*(axis.name for axis in axes), "folder", "status", "seconds", *columns)
    rows = []
    for outcome in outcomes:
        ends = _ends(outcome)
        seconds = round(sum(report.seconds for report in outcome.steps), 3)
        status = outcome.error or "done"
        about: tuple[Cell, ...] = (outcome.variant.folder.name, status, seconds)
        rows.append((*outcome.variant.labels, *about, *(ends.get(column) for column in columns)))
    return Table(header, tuple(rows), "Runs of the sweep")


def _ends(outcome: Outcome) -> dict[str, Cell]:
    """Return the last row of each model's training curves."""
    found: dict[str, Cell] = {}
    for report in outcome.steps:
        for name, value in report.ends.items():
            found[f"{report.name} {name}"] = value
    return found
