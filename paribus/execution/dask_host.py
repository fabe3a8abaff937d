"""What a Dask worker does: have each piece of work done by a process of its own, as on a user's machine.

So a network that ends or hangs its process costs its own piece alone, every training has one thread, and what Dask does
in its process does not change numbers.
"""

from __future__ import annotations

import hashlib
import importlib
import multiprocessing
import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import cloudpickle
from distributed import Status, WorkerPlugin

from paribus.errors import ParibusError
from paribus.execution.executors import Failure
from paribus.execution.gpu import gpu_here, other_gpu
from paribus.execution.local_workers import LocalExecutor, prestart, shutdown
from paribus.execution.same_versions import versions

GPU = "GPU"
"""Resource of Dask that a worker declares one of, and a piece of work on a GPU takes."""


def host(task: bytes, seconds: float, expected: str, code: str, gpu: str = "") -> bytes:
    """Have a piece of work done; return what came of it, packed.

    Args:
        task: function and piece, packed.
        seconds: that it may take.
        expected: versions that this machine must have.
        code: hash of the source files that it must have been sent.
        gpu: that it must have; none, if it is empty.
    """
    process = multiprocessing.current_process()
    if process.daemon:  # Dask makes its workers so, and such a process may have none of its own
        process.daemon = False
    try:
        _refuse_other(expected, code)
        session = _sent["session"]
        # Their parent may take seconds to start; a session that was killed meanwhile wants nothing any more.
        ((_, found),) = LocalExecutor(1).spread(abs, [0])
        if not isinstance(found, Failure):
            if _sent.get("session") != session:
                raise _of_another_session()
            called = partial(_called, gpu=gpu)
            ((_, found),) = LocalExecutor(1).spread(called, [task], limit=lambda _: seconds)
    except ParibusError as error:
        found = Failure(error)
    return _packed(found)


def _called(task: bytes, *, gpu: str) -> Any:
    if gpu and gpu_here() != gpu:
        raise other_gpu("a worker that joined", gpu_here(), gpu)
    function, piece = cloudpickle.loads(task)
    return function(piece)


def _packed(found: Any) -> bytes:
    packed: bytes = cloudpickle.dumps(found)
    return packed


def _refuse_other(expected: str, code: str) -> None:
    """Refuse to work for a session with other sources; a worker may have joined after those there were asked."""
    if versions() != expected:
        raise other_versions("a worker that joined", versions(), expected)
    if _sent.get("digest") != code:
        raise _of_another_session()


def _of_another_session() -> ParibusError:
    return ParibusError(
        "code of suites on a worker",
        got="that of another session",
        expected="that of this one",
        fix="Let one session at a time use the cluster.",
    )


def other_versions(worker: str, found: str, expected: str) -> ParibusError:
    """Return the refusal of a worker whose numbers may be others."""
    return ParibusError(
        worker,
        got=found,
        expected=f"{expected}, as here",
        fix="Install the same on every machine of the cluster, and start its workers again.",
    )


_sent: dict[str, str] = {}
"""What this process was sent last: its digest, its session and its folder."""

ENDING = {Status.closing, Status.closing_gracefully, Status.closed, Status.failed}
"""States of a worker that takes no more work."""


class SentCode(WorkerPlugin):
    """Puts source files on the path of imports of every worker, those that join later included.

    Args:
        files: contents by path.
    """

    name = "paribus-code"

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)
        parts = [part for name in sorted(files) for part in (name.encode(), files[name])]
        self.digest = hashlib.sha256(b"\0".join(parts)).hexdigest()
        # A worker may be sent them twice, as when it joins while they are sent to all: that is one session still.
        self.session = uuid4().hex

    def setup(self, worker: Any) -> None:
        """Write the files, end processes that may have imported others of these names, and begin to import torch.

        Where they are there already, all goes on: the worker joined while they were sent to all, and may be at work.
        Dask removes the folder of a worker that was killed when another one starts.
        """
        if _sent.get("session") == self.session:
            return
        _remove_files()
        folder = tempfile.mkdtemp(prefix="paribus-code-", dir=worker.local_directory)
        for name, content in self.files.items():
            path = Path(folder, *Path(name).parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
        shutdown()
        _sent.update(digest=self.digest, session=self.session, folder=folder)
        with suppress(OSError):  # which the first piece of work will meet, too, and tell
            prestart()

    def teardown(self, worker: Any) -> None:
        """Remove the files, and end processes that wait for work, where the worker ends.

        Dask calls this, too, before it sets up what is sent again, which may be of the same session.
        """
        if worker.status in ENDING:
            _remove_files()
            shutdown()


def _remove_files() -> None:
    folder = _sent.get("folder")
    _sent.clear()
    if folder is None:
        return
    if folder in sys.path:
        sys.path.remove(folder)
    shutil.rmtree(folder, ignore_errors=True)
