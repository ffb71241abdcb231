"""Any folder of pictures."""

from __future__ import annotations

from gdl_core.data.building import BuildContext, finish
from gdl_core.data.dataset import Dataset
from gdl_core.data.folder import hash_files, load_pictures, scan
from gdl_core.data.labels import class_folders, columns_of, read_labels
from gdl_core.data.pictures import Framing
from gdl_core.errors import DataError
from gdl_data.config import ImagesConfig


def build(config: ImagesConfig, context: BuildContext) -> Dataset:
    """Return the pictures of a folder, uint8 (n, channels, size, size), decoded once and then mapped from the cache.

    They are in the order of their contents' hashes: mixed, the same on every machine, whatever the files are called; so
    the first n of them are a fair sample. Copies of a picture are taken once. Columns come from the CSV, or else from
    the first level of folders (`label`).

    Raises:
        DataError: the folder holds no picture that can be read, or the CSV does not fit it.
    """
    root = config.path
    found = scan(root)
    labels = read_labels(config.labels) if config.labels else None
    rows = labels.match(found.names) if labels else {}
    names = [name for name in found.names if name in rows] if labels else list(found.names)
    notes = list(found.notes)
    if labels:
        if found.names and not names:
            raise DataError(
                f"{labels.path}: none of its {len(labels.rows)} file names is in {root}; "
                f"it names '{next(iter(labels.rows))}', the folder has '{found.names[0]}'"
            )
        without, unmatched = len(found.names) - len(names), len(labels.rows) - len(set(rows.values()))
        notes += [f"left out {without} pictures that {labels.path.name} does not name"] * bool(without)
        notes += [f"{unmatched} rows of {labels.path.name} name files that are not there"] * bool(unmatched)

    hashes, unreadable = hash_files(root, names, context.progress)
    first: dict[str, str] = {}
    copies = [name for name in sorted(hashes) if first.setdefault(hashes[name], name) != name]
    framing = Framing(
        config.size, 0 if config.channels == "auto" else config.channels, config.fit, config.background, config.min_size
    )
    if names and not first:
        raise DataError(f"{root}: none of the {len(names)} pictures can be read ({unreadable[0]})")
    order = [first[digest] for digest in sorted(first)]
    loaded = load_pictures("images", root, order, hashes, framing, context.progress, config.limit)
    about = [f"left out {len(copies)} copies of other pictures, e.g. {copies[0]}"] if copies else []
    if labels:
        columns, left_out = columns_of(labels, [rows[name] for name in loaded.names])
    else:
        columns, left_out = class_folders(loaded.names), []
    return finish(
        "images", loaded.pictures, columns, context,
        held_out=config.held_out, digest=loaded.digest,
        notes=[*notes, *unreadable, *sorted(loaded.notes), *about, *left_out],
    )  # fmt: skip
