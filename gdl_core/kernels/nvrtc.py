"""NVRTC, NVIDIA's compiler as a library, which comes with every torch that has CUDA.

Source: https://docs.nvidia.com/cuda/nvrtc
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

OPTIONS = ("-std=c++17", "-fmad=false", "-default-device")
"""As nvcc gets them (every fma is written out); and functions without a word are of the device."""


class NvrtcError(RuntimeError):
    """NVRTC is missing or does not compile; the text says why."""


def _candidates() -> Iterator[str]:
    """Yield the names to load NVRTC by: the package that torch brought, then the system's."""
    spec = importlib.util.find_spec("nvidia")
    for folder in spec.submodule_search_locations or () if spec else ():
        yield from map(str, sorted(Path(folder).glob("*/lib/libnvrtc.so.1[23]"), reverse=True))
    yield from ("libnvrtc.so.13", "libnvrtc.so.12", "/usr/local/cuda/lib64/libnvrtc.so")


class Nvrtc:
    """A loaded NVRTC.

    Raises:
        NvrtcError: it is nowhere.
    """

    def __init__(self, candidates: Iterable[str] | None = None) -> None:
        for name in _candidates() if candidates is None else candidates:
            try:
                self._library = ctypes.CDLL(name)
                break
            except OSError:
                continue
        else:
            raise NvrtcError("NVRTC is not installed; pip install nvidia-cuda-nvrtc, of the CUDA version torch is for")
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._call("nvrtcVersion", ctypes.byref(major), ctypes.byref(minor))
        self.version = f"{major.value}.{minor.value}"

    def _call(self, function: str, *arguments: object) -> None:
        status = getattr(self._library, function)(*arguments)
        if status:
            text = self._library.nvrtcGetErrorString
            text.restype = ctypes.c_char_p
            raise NvrtcError(f"{function}: {text(status).decode()}")

    def architectures(self) -> list[int]:
        """Return the compute capabilities that this version knows, such as 90."""
        count = ctypes.c_int()
        self._call("nvrtcGetNumSupportedArchs", ctypes.byref(count))
        known = (ctypes.c_int * count.value)()
        self._call("nvrtcGetSupportedArchs", known)
        return list(known)

    def target(self, capability: int) -> str:
        """Return what to compile for: machine code of a GPU, or PTX for one that is newer than this NVRTC."""
        known = self.architectures()
        if capability in known:
            return f"sm_{capability}"
        older = [other for other in known if other < capability]
        if not older:
            raise NvrtcError(f"NVRTC {self.version} compiles for no GPU as old as compute capability {capability / 10}")
        return f"compute_{max(older)}"

    def compile(self, name: str, sources: Mapping[str, str], target: str) -> bytes:
        """Return the machine code of the program `name`, whose headers are the other sources.

        Raises:
            NvrtcError: the program has a fault; the text has the first lines of what the compiler said.
        """
        headers = [(key.encode(), text.encode()) for key, text in sources.items() if key != name]
        names = (ctypes.c_char_p * len(headers))(*(key for key, _ in headers))
        texts = (ctypes.c_char_p * len(headers))(*(text for _, text in headers))
        options = [f"-arch={target}", *OPTIONS]
        flags = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
        program = ctypes.c_void_p()
        create = ("nvrtcCreateProgram", ctypes.byref(program), sources[name].encode(), name.encode())
        self._call(*create, len(headers), texts, names)
        try:
            try:
                self._call("nvrtcCompileProgram", program, len(options), flags)
            except NvrtcError as error:
                said = self._get("ProgramLog", program).decode(errors="replace").strip("\0 \n")
                raise NvrtcError(f"NVRTC {self.version} for {target}: {error}: {said[:1000]}") from error
            return self._get("CUBIN" if target.startswith("sm_") else "PTX", program)
        finally:
            self._call("nvrtcDestroyProgram", ctypes.byref(program))

    def _get(self, what: str, program: ctypes.c_void_p) -> bytes:
        size = ctypes.c_size_t()
        self._call(f"nvrtcGet{what}Size", program, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        self._call(f"nvrtcGet{what}", program, buffer)
        return buffer.raw
