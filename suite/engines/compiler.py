"""C++ text to a loaded library, by way of a cache on disk that many processes may use at once.

An entry is named by the hash of text, compiler, flags and processor, is put in its place whole or not at all, and ends with
the hash of its bytes: a damaged one is made again.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

from suite.engines.engine import Refused
from suite.folders import cache

FLAGS = ("-std=c++17", "-O3", "-fopenmp-simd", "-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros", "-fPIC", "-shared", "-pthread")
PATIENCE = 120  # seconds after which a compiler is believed to hang
NATIVE = Path(__file__).parent / "native"
INSTALL = "install one (Debian: apt install g++; conda: conda install cxx-compiler; macOS: xcode-select --install) or name it in CXX"


def library(text: str, *flags: str) -> ctypes.CDLL:
    """The library of a C++ text, from the cache or from the compiler; a Refused of one sentence where there is none."""
    return _library(text, flags, *_surroundings())


def _surroundings() -> tuple[str, str]:
    """What decides where and how is compiled."""
    return os.environ.get("CXX", ""), os.environ.get("CARROUSEL_CACHE", "")


@lru_cache(maxsize=8)
def source(*names: str) -> str:
    """Files of `native/` as one text that includes none of the others."""
    lines = [line for name in names for line in (NATIVE / name).read_text().splitlines()]
    return "\n".join(line for line in lines if not line.startswith(("#pragma once", '#include "'))) + "\n"


def works() -> None:
    """A Refused where nothing can be compiled."""
    library('extern "C" int one() { return 1; }\n')


@lru_cache(maxsize=1024)
def _library(text: str, flags: tuple[str, ...], named: str, place: str) -> ctypes.CDLL:
    folder = (Path(place) if place else cache()) / "kernels"
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
            made.write_bytes(made.read_bytes() + hashlib.sha256(made.read_bytes()).digest())
            made.replace(entry)
    except OSError as error:
        raise Refused(f"engine 'scan' cannot write compiled code to {folder} ({error.strerror}); CARROUSEL_CACHE names another folder") from None
    found = _loaded(entry)
    if found is None:
        raise Refused(f"engine 'scan': what the C++ compiler '{command[0]}' made cannot be loaded")
    return found


def _compiled(text: str, command: list[str], room: Path) -> Path:
    source, made = room / "kernel.cpp", room / "kernel.so"
    source.write_text(text)
    try:
        done = subprocess.run([*command, str(source), "-o", str(made)], capture_output=True, text=True, errors="replace", timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise Refused(f"engine 'scan': the C++ compiler '{command[0]}' did not finish in {PATIENCE} s") from None
    except OSError as error:
        raise Refused(f"engine 'scan' cannot run the C++ compiler '{command[0]}' ({error.strerror}): {INSTALL}") from None
    if done.returncode or not made.is_file():
        said = next((line for line in (done.stderr + done.stdout).splitlines() if "error" in line), "it gave no reason")
        raise Refused(f"engine 'scan': the C++ compiler '{command[0]}' failed with status {done.returncode}: {said.replace(str(source), 'kernel.cpp')[:200]}")
    return made


def _loaded(entry: Path) -> ctypes.CDLL | None:
    """The library of an entry that is there and whole."""
    try:
        content = entry.read_bytes()
        if len(content) < 33 or hashlib.sha256(content[:-32]).digest() != content[-32:]:
            return None
        return ctypes.CDLL(str(entry))
    except OSError:
        return None


def _compiler(named: str) -> list[str]:
    """CXX with its arguments, or the first usual name that is there."""
    if named:
        return named.split()
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
