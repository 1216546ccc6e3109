"""``tieout validate`` on a folder in a process of its own, so that its peak memory and CPU seconds are known. See ``documents``."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from tieout.examine import findings


def main(folder: str, jobs: str) -> None:
    since = time.perf_counter()
    found = sum(frame.height for frame in findings([Path(folder)], jobs=int(jobs)))
    own, workers = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = sum(each.ru_utime + each.ru_stime for each in (own, workers))
    peak = max(_own_peak(own.ru_maxrss), workers.ru_maxrss) / 2**20
    print(json.dumps({"wall": time.perf_counter() - since, "cpu": cpu, "peak": peak, "findings": found}))


def _own_peak(otherwise: int) -> int:
    """KiB of this process alone: where it was started from a large one, resource usage begins with that one's."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), otherwise)


if __name__ == "__main__":
    main(*sys.argv[1:])
