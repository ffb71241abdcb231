"""Rows of a single environment spread over processes, each of which steps its share of them.

Frames lie in memory that all processes share. A worker builds its environments from the name and the settings that a
recipe gives; it is a fresh interpreter, so that nothing of this process (threads, open files) is doubled. A worker that
dies is told of in words; it takes nothing with it that is not made again.
"""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from gdl_core.errors import GdlError
from gdl_core.processes import deaf, deaf_children, one_thread
from gdl_world.rows import Seeds, seeds_of, set_up, wanted_rows

_PATIENCE = 300.0  # seconds without a word from a worker after which it is given up


class Spread(VectorEnv[NDArray[np.uint8], NDArray[Any], NDArray[Any]]):
    """Rows of an environment in several processes.

    Args:
        name: of the environment, as `find` knows it.
        settings: plain values that its settings are made of.
        rows: how many.
        shape: (channels, height, width) of a frame.
        workers: processes.

    Raises:
        GdlError: a worker fails or dies.
    """

    def __init__(
        self, name: str, settings: dict[str, Any], rows: int, shape: tuple[int, int, int], workers: int
    ) -> None:
        self.num_envs, self.name = rows, name
        channels, height, width = shape
        self._memory = SharedMemory(create=True, size=max(1, rows * channels * height * width))
        self._frames = np.ndarray((rows, height, width, channels), dtype=np.uint8, buffer=self._memory.buf)
        self._shares = np.array_split(np.arange(rows), min(workers, rows))
        self._pipes: list[Connection] = []
        self._processes: list[Any] = []
        context = multiprocessing.get_context("spawn")
        try:
            for share in self._shares:
                ours, theirs = context.Pipe()
                place = (self._memory.name, rows, shape, int(share[0]), len(share))
                process = context.Process(target=_work, args=(theirs, name, settings, place), daemon=True)
                with deaf_children(), one_thread():  # before it can say so itself, it imports a lot
                    process.start()
                theirs.close()
                self._pipes.append(ours)
                self._processes.append(process)
            spaces = self._all("spaces")
        except BaseException:
            self.close()
            raise
        set_up(self, rows, *spaces[0])

    def reset(
        self, *, seed: Seeds = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Begin an episode in every row, or in those of `options["reset_mask"]`; one seed counts up along the rows."""
        seeds, wanted = seeds_of(self, seed), wanted_rows(self, options)
        self._all("reset", [([seeds[row] for row in share], wanted[share]) for share in self._shares])
        return self._frames.copy(), {}

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[NDArray[np.uint8], NDArray[Any], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Go one step on in the rows whose episodes have not ended."""
        parts = self._all("step", [np.asarray(actions)[share] for share in self._shares])
        rewards, ended, cut = (np.concatenate(column) for column in zip(*parts, strict=True))
        return self._frames.copy(), rewards, ended, cut, {}

    def _all(self, what: str, given: Sequence[Any] | None = None) -> list[Any]:
        """Ask every worker for something, then wait for all of them."""
        answers = []
        try:
            for index, pipe in enumerate(self._pipes):
                pipe.send((what, None if given is None else given[index]))
            for pipe in self._pipes:
                if not pipe.poll(_PATIENCE):
                    raise GdlError(f"a process of {self.name} has not answered for {_PATIENCE:.0f} s; it was given up")
                answers.append(pipe.recv())
        except (EOFError, OSError) as error:
            gone = wait([process.sentinel for process in self._processes], 1)
            for process in self._processes:
                if process.sentinel in gone:
                    process.join(1)  # its pipe may be closed before its exit code is known
            codes = [process.exitcode for process in self._processes if process.exitcode is not None]
            told = f" (exit code {codes[0]})" if codes else ""
            raise GdlError(f"a process of {self.name} died{told}; the same command goes on") from error
        for fine, answer in answers:
            if not fine:
                raise GdlError(f"a process of {self.name} failed: {answer}")
        return [answer for _, answer in answers]

    def close_extras(self, **kwargs: Any) -> None:
        """End the workers and give the shared memory back."""
        for pipe in self._pipes:
            with suppress(OSError):
                pipe.send(("close", None))
                pipe.close()
        for process in self._processes:
            process.join(5)
            if process.is_alive():
                process.kill()
                process.join()
        self._pipes, self._processes = [], []
        if hasattr(self, "_frames"):
            del self._frames
        for give_back in (self._memory.close, self._memory.unlink):
            with suppress(OSError, BufferError):
                give_back()


Place = tuple[str, int, tuple[int, int, int], int, int]
"""Name of the shared memory, rows in it, shape of a frame, the worker's first row, and how many are its own."""


def _work(pipe: Connection, name: str, settings: dict[str, Any], place: Place) -> None:
    """Answer what the other process asks for, until it says close or is gone."""
    deaf()  # a terminal's Ctrl-C reaches us too; the one who asked us decides
    memory_name, rows, (channels, height, width), first, count = place
    memory = SharedMemory(name=memory_name)
    frames = np.ndarray((rows, height, width, channels), dtype=np.uint8, buffer=memory.buf)[first : first + count]
    worlds: Any = None
    try:
        while True:
            what, given = pipe.recv()
            if what == "close":
                break
            try:
                if worlds is None:
                    worlds = _made(name, settings, count)
                pipe.send((True, _answer(worlds, what, given, frames)))
            except GdlError as error:
                pipe.send((False, str(error)))
            except Exception as error:
                last = traceback.extract_tb(error.__traceback__)[-1]
                pipe.send((False, f"{type(error).__name__}: {error} (line {last.lineno} of {last.name})"))
    except (EOFError, OSError, KeyboardInterrupt):
        pass
    finally:
        if worlds is not None:
            worlds.close()
        del frames
        memory.close()


def _made(name: str, settings: dict[str, Any], rows: int) -> Any:
    from gdl_world.envs.catalogue import find

    entry = find(name)
    return entry.build(entry.settings.model_validate({**settings, "workers": 1})).make(rows)


def _answer(worlds: Any, what: str, given: Any, frames: NDArray[np.uint8]) -> Any:
    if what == "spaces":
        return worlds.single_observation_space, worlds.single_action_space
    if what == "reset":
        seeds, wanted = given
        seen, _ = worlds.reset(seed=seeds, options={"reset_mask": wanted})
        frames[:] = seen
        return None
    seen, rewards, ended, cut, _ = worlds.step(given)
    frames[:] = seen
    return rewards, ended, cut
