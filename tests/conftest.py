"""One thread, a cache of the session's own, and the skip sentence of tests that need data which is not here."""

import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ.setdefault("MKL_CBWR", "AUTO")  # read at MKL's first call
os.environ["HF_HUB_OFFLINE"] = "1"  # a test downloads nothing

import fcntl  # noqa: E402
from pathlib import Path  # noqa: E402

import pytest  # noqa: E402
import torch  # noqa: E402

from suite.data import columns, hub, manifest  # noqa: E402
from suite.data.tokens import SPLITTERS, tokens  # noqa: E402
from suite.data.words import ranks  # noqa: E402

torch.set_num_threads(1)
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # read when Triton is first imported: without a GPU its kernels run in its interpreter

ROOT = Path(__file__).resolve().parents[1]


NAMED = ("compiled", "graphed", "flashrnn")  # engines that compile for seconds or want a GPU: they have files of their own
OWN_FILES = ("test_compiled.py", "test_capture.py", "test_gpu_speed.py")


def parameters(item):
    return item.callspec.params.values() if hasattr(item, "callspec") else ()


def pytest_collection_modifyitems(config, items):
    items[:] = [item for item in items if item.path.name in OWN_FILES or not {*NAMED} & {v for v in parameters(item) if isinstance(v, str)}]
    if "exhaustive" not in config.getoption("-m"):
        for item in items:
            if item.get_closest_marker("exhaustive"):
                item.add_marker(pytest.mark.skip(reason="a long form: run it with -m exhaustive"))


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """CARROUSEL_CACHE of the session, one for all xdist workers."""
    if "CARROUSEL_CACHE" not in os.environ:
        base = tmp_path_factory.getbasetemp()
        shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
        os.environ["CARROUSEL_CACHE"] = str(shared / "carrousel-cache")
    folder = Path(os.environ["CARROUSEL_CACHE"])
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def data(cache):
    """`data("mnist")` decodes a set once for all workers, or skips."""

    def need(name):
        about = manifest(name)
        if about.place and not all(hub.local_files(about, split) for split in about.splits):
            pytest.skip(f"CARROUSEL_DATA names no folder with {about.place}")
        with (cache / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for split in about.splits:
                columns(name, split)
            if name == "imdb":
                ranks(name)
            if name in SPLITTERS:
                tokens(name)

    return need
