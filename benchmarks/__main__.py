"""Runs the benchmarks and prints each figure with its ratio to the limit measured beside it."""

from __future__ import annotations

import argparse
import os
import platform
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import assign, documents, match, names, queue, rules, sums, table


@dataclass
class Stopwatch:
    """Seconds of the best of a few calls: the least disturbed one."""

    repeats: int = 2

    def __call__(self, work: Callable[[], object]) -> float:
        best = float("inf")
        for _ in range(self.repeats):
            since = time.perf_counter()
            work()
            best = min(best, time.perf_counter() - since)
        return best


BENCHMARKS = {
    "documents": documents.measure,
    "table": table.measure,
    "rules": rules.measure,
    "match": match.measure,
    "sums": sums.measure,
    "assign": assign.measure,
    "names": names.measure,
    "queue": queue.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], default=[])
    parser.add_argument("--small", action="store_true", help="a tenth of the size")
    parser.add_argument("--large", action="store_true", help="documents: 100,000 files as well")
    arguments = parser.parse_args()
    documents.LARGE = arguments.large
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for name in arguments.names or BENCHMARKS:
        for line in BENCHMARKS[name](0.1 if arguments.small else 1.0, Stopwatch()):
            print(f"{name:10} {line}", flush=True)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{name:10} peak memory so far {peak:.1f} GiB")


if __name__ == "__main__":
    main()
