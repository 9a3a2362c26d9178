"""A page from the outside: its notebook executed by papermill, whole or not at all."""

import fcntl
import os
import re
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import nbformat
import papermill
from traitlets.config import Config

from ...data.provenance import ROOT
from . import freshness
from .parameters import Parameter, declared, unknown


class PageError(RuntimeError):
    """A page is not there or has failed; the message says where its notebook and its log are."""


def run(
    name: str,
    output: Path,
    parameters: dict[str, Any],
    root: Path = ROOT,
    echo: TextIO | None = None,
    token: str = "",
) -> None:
    """Execute ``notebooks/NAME.ipynb`` of a checkout and put it at ``output`` only when all of it succeeded.

    Meanwhile, and after a failure, it is ``_build/logs/NAME.ipynb`` with what it prints in ``NAME.log`` (and on
    ``echo``). Its metadata gains ``anisodiff``: the record of :meth:`Page.finish`.

    Raises ParameterError before anything runs, PageError when the page fails.
    """
    known = parameters_of(name, root)
    for parameter, value in parameters.items():
        if parameter not in known:
            raise unknown(parameter, value, known)
    checked = {parameter: known[parameter].check(value) for parameter, value in parameters.items()}
    logs = root / "_build/logs"
    logs.mkdir(parents=True, exist_ok=True)
    working, log = logs / f"{name}.ipynb", logs / f"{name}.log"
    _silence_kernel(logs / "ipython")
    started, made_from = time.monotonic(), freshness.inputs(name, parameters, root)
    with (
        _alone(logs / f"{name}.lock"),
        log.open("w") as file,
        tempfile.TemporaryDirectory(prefix="kernel-") as sockets,
    ):
        prints = _Tee(file, echo) if echo else file
        try:
            papermill.execute_notebook(
                str(_notebook(name, root)), str(working), checked, cwd=str(root), kernel_name="python3",
                progress_bar=False, stdout_file=prints, stderr_file=prints, config=_through_files(sockets),
            )  # fmt: skip
            page = nbformat.read(working, as_version=4)
            page.metadata["anisodiff"] = _record(page) | {"inputs": made_from, "token": token}
        except Exception as error:
            file.write(str(error))
            raise PageError(
                f"page {name} failed after {time.monotonic() - started:.0f} s{_where(error)}\n"
                f"  notebook: {_relative(working, root)}\n"
                f"  log:      {_relative(log, root)}\n"
                "  the same command runs it again"
            ) from error
        page.metadata.pop("papermill", None)  # paths of this machine
        for cell in page.cells:
            if "injected-parameters" in cell.metadata.get("tags", []):
                cell.metadata.tags.append(
                    "remove-input"
                )  # the provenance lists what the page was run with
        nbformat.write(page, working)
        output.parent.mkdir(parents=True, exist_ok=True)
        os.replace(working, output)


def parameters_of(name: str, root: Path = ROOT) -> dict[str, Parameter]:
    """The parameters that the notebook of a page declares; PageError where there is no such page."""
    for cell in nbformat.read(_notebook(name, root), as_version=4).cells:
        if "parameters" in cell.metadata.get("tags", []):
            return declared(cell.source)
    raise PageError(f"page {name} has no cell tagged 'parameters'")


def _notebook(name: str, root: Path) -> Path:
    path = root / "notebooks" / f"{name}.ipynb"
    if not path.exists():
        pages = sorted(page.stem for page in path.parent.glob("*.ipynb"))
        raise PageError(f"no page {name!r}; there are: {', '.join(pages)}")
    return path


def _record(page: nbformat.NotebookNode) -> dict[str, Any]:
    for cell in reversed(page.cells):
        for output in cell.get("outputs", []):
            if "anisodiff" in output.get("metadata", {}):
                return output.metadata["anisodiff"]
    raise PageError("its last cell must call page.finish()")


def _where(error: Exception) -> str:
    if isinstance(error, papermill.PapermillExecutionError):
        last = re.sub(r"\x1b\[[0-9;]*m", "", error.evalue).strip().split("\n")[0]
        return f" in cell [{error.exec_count}]: {error.ename}: {last}"
    return f": {type(error).__name__}: {error}"


def _relative(path: Path, root: Path) -> Path:
    return path.relative_to(root) if root == Path.cwd() else path


def _silence_kernel(folder: Path) -> None:
    """Keep ipykernel's remarks on its transport and its shutdown out of the terminal."""
    config = folder / "profile_default/ipython_kernel_config.py"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text("c.IPKernelApp.log_level = 50\n")
    os.environ["IPYTHONDIR"] = str(folder)


def _through_files(folder: str) -> Config:
    """Talk to the kernel through sockets in a folder: two kernels that start at once may be given the same TCP port."""
    return Config(KernelManager={"transport": "ipc", "ip": f"{folder}/kernel"})


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold the lock of a page, and stop when the pipeline that started this run is killed: nothing runs on unseen."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class _Tee:
    """One stream that writes to two."""

    def __init__(self, *streams: TextIO):
        self.streams = streams

    def write(self, text: str) -> None:
        for stream in self.streams:
            stream.write(text)

    def flush(self) -> None:
        for stream in self.streams:
            stream.flush()
