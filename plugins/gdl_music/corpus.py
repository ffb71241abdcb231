"""The corpus that comes with the library music21: read by several processes, and kept in the cache file by file."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from gdl_core.data.building import BuildContext
from gdl_core.errors import DataError, MissingExtraError
from gdl_core.files import cache_folder, cannot_write, write_atomically
from gdl_core.processes import cores, deaf_children, not_without_parent
from gdl_music.scores import FileRead, Score, read_file

FOLDER = "music"
_VERSION = 3
_LINE = TypeAdapter(tuple[str, FileRead])  # of the cache
_MOST = 16  # processes
_FEW = 8  # files that one process has read before others have started


def chorales(context: BuildContext) -> list[Score]:
    """Return Bach's chorales in four voices.

    Raises:
        MissingExtraError: music21 is not installed. StorageError: the cache cannot be written.
    """
    return _scores("chorales", ("bach",), 4, context)


def tunes(context: BuildContext) -> list[Score]:
    """Return the tunes of O'Neill, Ryan and Aird, one voice each.

    Raises:
        MissingExtraError: music21 is not installed. StorageError: the cache cannot be written.
    """
    return _scores("tunes", ("oneills1850", "ryansMammoth", "airdsAirs"), 1, context)


def _scores(kind: str, folders: Sequence[str], voices: int, context: BuildContext) -> list[Score]:
    """Return the scores of some folders in the order of their files; what the cache does not have is read and kept."""
    paths = {f"{path.parent.name}/{path.name}": path for path in _paths(folders)}
    kept = cache_folder() / FOLDER / f"{kind}-{_VERSION}-music21-{version('music21')}.jsonl"
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{kept}.lock"):
            read = _kept(kept)
            missing = {name: path for name, path in paths.items() if name not in read}
            if missing:
                with kept.open("a", encoding="utf-8") as stream:
                    for name, found in _read_all(missing, voices, len(paths), context.progress):
                        read[name] = found
                        stream.write(_line(name, found))
                        stream.flush()
    except OSError as error:
        raise cannot_write(kept, error) from error
    for name in paths:
        for note in read[name].notes:
            context.note(note)
    scores = [score for name in paths for score in read[name].scores]
    if not scores:
        raise DataError(f"music21 has no {kind} that can be read here; the notes say of each why")
    return scores


def _paths(folders: Sequence[str]) -> list[Path]:
    if find_spec("music21") is None:
        raise MissingExtraError("the scores of music21", "music")
    from music21 import corpus

    return sorted(Path(path) for path in corpus.getPaths() if Path(path).parent.name in folders)


def _read_all(
    paths: Mapping[str, Path], voices: int, total: int, progress: Callable[..., None]
) -> Iterator[tuple[str, FileRead]]:
    """Yield what each file holds as soon as it is read, by as many processes as there are cores."""
    done = total - len(paths)
    progress(done, total)
    workers = min(cores(), len(paths), _MOST)
    if workers == 1 or len(paths) <= _FEW:
        for name, path in paths.items():
            yield name, _read(name, partial(read_file, path, voices))
            done += 1
            progress(done, total)
        return
    # fresh interpreters, so that nothing of this process is doubled
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), not_without_parent)
    try:
        with deaf_children():  # before they can say so themselves, they import a lot
            waiting = {pool.submit(read_file, path, voices): name for name, path in paths.items()}
        for future in as_completed(waiting):
            yield waiting[future], _read(waiting[future], future.result)
            done += 1
            progress(done, total)
    except BrokenProcessPool as error:
        raise DataError(
            "a process that reads scores died; the same command goes on (a script of your own has to "
            'begin below `if __name__ == "__main__":`)'
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _read(name: str, result: Callable[[], FileRead]) -> FileRead:
    try:
        return result()
    except (OSError, MemoryError, ImportError) as error:  # another time it may be read
        told = str(error) or type(error).__name__
        raise DataError(f"{name} of music21 cannot be read: {told}; what was read is kept, run it again") from error


def _line(name: str, found: FileRead) -> str:
    return _LINE.dump_json((name, found)).decode() + "\n"


def _kept(path: Path) -> dict[str, FileRead]:
    """Return what the cache has, by file; lines that cannot be read, as a kill may leave one, are taken out of it."""
    read: dict[str, FileRead] = {}
    whole = True
    for line in path.read_bytes().splitlines(keepends=True) if path.is_file() else ():
        try:
            name, read[name] = _LINE.validate_json(line)
        except ValidationError:
            whole = False
        whole = whole and line.endswith(b"\n")
    if not whole:
        text = "".join(_line(name, found) for name, found in read.items())
        write_atomically(path, lambda stream: stream.write(text.encode()))
    return read
