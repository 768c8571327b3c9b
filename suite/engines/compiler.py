"""C++ text to a loaded library, by way of a cache on disk that many processes may use at once.

An entry is named by the hash of text, compiler, flags and processor, is put in its place whole or not at all, and ends with
the hash of its bytes: a damaged one is made again.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import signal
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

from suite.engines.engine import Refused
from suite.folders import cache

FLAGS = ("-std=c++17", "-O3", "-fopenmp-simd", "-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros", "-fPIC", "-shared", "-pthread")
PATIENCE = 120  # seconds after which a compiler is believed to hang
SURROUNDINGS = ("CXX", "PATH", "CARROUSEL_CACHE", "XDG_CACHE_HOME", "HOME")  # variables that decide how and where is compiled
ONE = 'extern "C" int one() { return 1; }\n'
NATIVE = Path(__file__).parent / "native"
INSTALL = "install one (Debian: apt install g++; conda: conda install cxx-compiler; macOS: xcode-select --install) or name it in CXX"


class Passing(Refused):
    """A refusal that may be gone the next time: a full disk, a busy machine."""


def library(text: str, *flags: str) -> ctypes.CDLL:
    """The library of a C++ text, from the cache or from the compiler; a Refused of one sentence where there is none."""
    found = _library(text, flags, tuple(os.environ.get(name, "") for name in SURROUNDINGS))
    if isinstance(found, str):
        raise Refused(found)
    return found


@lru_cache(maxsize=8)
def source(*names: str) -> str:
    """Files of `native/` as one text that includes none of the others."""
    lines = [line for name in names for line in (NATIVE / name).read_text().splitlines()]
    return "\n".join(line for line in lines if not line.startswith(("#pragma once", '#include "'))) + "\n"


def works() -> None:
    """A Refused where nothing can be compiled, or not what `vector.h` is written in."""
    library(source("vector.h") + ONE)


def threads() -> tuple[str, ...]:
    """The flag for OpenMP, nothing where the compiler does not know it."""
    try:
        library(ONE, "-fopenmp")
    except Refused:
        return ()
    return ("-fopenmp",)


@lru_cache(maxsize=1024)
def _library(text: str, flags: tuple[str, ...], surroundings: tuple[str, ...]) -> ctypes.CDLL | str:
    """The library, or the sentence why there is none, once for all that it depends on."""
    try:
        return _found_or_made(text, flags, surroundings[0], cache() / "kernels")
    except Passing:
        raise
    except Refused as sentence:
        return str(sentence)


def _found_or_made(text: str, flags: tuple[str, ...], named: str, folder: Path) -> ctypes.CDLL:
    command = [*_compiler(named), *_native(), *FLAGS, *flags]
    program = Path(shutil.which(command[0]) or command[0]).resolve()
    try:
        told = program.stat()
    except OSError as error:
        raise Refused(f"engine 'scan' cannot run the C++ compiler '{command[0]}' ({error.strerror}): {INSTALL}") from None
    key = hashlib.sha256("\0".join([text, *command, str(program), str(told.st_size), str(told.st_mtime_ns), _processor()]).encode()).hexdigest()[:32]
    entry = folder / f"{key}.so"
    found = _loaded(entry)
    if found is not None:
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as room:
            made = _compiled(text, command, Path(room))
            content = made.read_bytes()
            made.write_bytes(content + _seal(entry, content))
            made.replace(entry)
    except OSError as error:
        raise Passing(f"engine 'scan' cannot write compiled code to {folder} ({error.strerror}); CARROUSEL_CACHE names another folder") from None
    found = _loaded(entry)
    if found is None:
        raise Refused(f"engine 'scan': what the C++ compiler '{command[0]}' made cannot be loaded")
    return found


def _compiled(text: str, command: list[str], room: Path) -> Path:
    source, made = room / "kernel.cpp", room / "kernel.so"
    source.write_text(text)
    try:
        call = [*command, str(source), "-o", str(made)]
        process = subprocess.Popen(call, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True)  # noqa: S603  the user's own compiler
        said, complained = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # and what it started
        process.communicate()
        raise Passing(f"engine 'scan': the C++ compiler '{command[0]}' did not finish in {PATIENCE} s") from None
    except OSError as error:
        raise Refused(f"engine 'scan' cannot run the C++ compiler '{command[0]}' ({error.strerror}): {INSTALL}") from None
    if process.returncode or not made.is_file():
        lines = [line for line in (complained + said).splitlines() if line.strip()]
        said = next((line for line in lines if "error" in line), next(iter(lines), "it gave no reason"))
        said = "".join(letter if letter.isprintable() else " " for letter in said)
        raise Refused(f"engine 'scan': the C++ compiler '{command[0]}' failed with status {process.returncode}: {said.replace(str(source), 'kernel.cpp')[:200]}")
    return made


def _loaded(entry: Path) -> ctypes.CDLL | None:
    """The library of an entry that is there and whole."""
    try:
        content = entry.read_bytes()
        if _seal(entry, content[:-32]) != content[-32:]:
            return None
        return ctypes.CDLL(str(entry))
    except OSError:
        return None


def _seal(entry: Path, content: bytes) -> bytes:
    """What an entry ends with: it is whole, and the one of this name."""
    return hashlib.sha256(entry.name.encode() + content).digest()


def name() -> str:
    """The compiler that would be called."""
    return _compiler(os.environ.get("CXX", ""))[0]


def _compiler(named: str) -> list[str]:
    """CXX with its arguments, or the first usual name that is there."""
    if named.strip():
        return shlex.split(named)
    for name in ("g++", "clang++", "c++"):
        if shutil.which(name):
            return [name]
    raise Refused(f"engine 'scan' compiles its loops and found no C++ compiler: {INSTALL}")


def _native() -> list[str]:
    """All that this processor can do, at its full width."""
    if platform.machine() in ("x86_64", "AMD64"):
        return ["-march=native", "-mprefer-vector-width=512"]
    return ["-mcpu=native"]


@lru_cache(maxsize=1)
def _processor() -> str:
    """What distinguishes this processor: a cache may be shared by machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return "\n".join(sorted({line for line in lines if line.startswith(("flags", "Features", "model name", "CPU part"))}))
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
