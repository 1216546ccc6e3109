"""Show 2 of issue 6 as a table: what goes wrong, where, and what came of it, at the size of a company's month.

    python -m benchmarks.faults [--documents 10000] [--each 300] [--out faults.md]

Each line is asserted: every document is at the platform exactly once and has the right status in the end. The small
versions of the same are tests (``tests/issuing/test_outbox_faults.py``); this counts and prints.
"""

from __future__ import annotations

import argparse
import datetime as dt
import multiprocessing
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.connect.exchange import PATHS, wrong
from tests.issuing.outbox import opened, platform, prepared, send, states, two_senders, until_settled
from tests.issuing.test_outbox_faults import SUBMIT, _sender, expected
from tieout.faces.simulator.desk import Desk, Fault
from tieout.faces.simulator.server import served
from tieout.issuing import follow
from tieout.model.platforms import Callback, Outcome

KINDS = {
    "drop": "connection cut after the platform processed",
    "500_after": "500 after the platform processed",
    "500": "500 before it processed",
    "garbage": "an HTML page with status 200 as the answer",
    "429": "429 with Retry-After",
    "expire_token": "token expired in the middle",
}
MIX = ("drop", "500_after", "500", "garbage", "429")
Row = tuple[str, str, str]


def _held(desk: Desk, count: int) -> str:
    taken = [held.number for held in desk.held.values()]
    assert len(taken) == len(set(taken)) == count, (len(taken), len(set(taken)), count)
    assert desk.doubles == 0
    return f"{count:,} of {count:,} once, 0 twice"


def _end(journal: Any, profile: str, count: int, refused: set[int]) -> str:
    found = states(journal)
    wanted = (
        {"accepted": count} if profile == "nuonuo" else {"accepted": count - len(refused), "rejected": len(refused)}
    )
    assert found == wanted, (found, wanted)
    assert journal.verify().holds
    return ", ".join(f"{number:,} {state}" for state, number in sorted(found.items()))


def killed(folder: Path) -> Iterator[Row]:
    """kill -9 at every step, one process a step, also where an answer was lost before."""
    fork = multiprocessing.get_context("fork")
    for profile in PATHS:
        for lost in (0, 1):
            n, kills = 0, 0
            while True:
                n, desk = n + 1, Desk(wrong)
                with served(desk) as base:
                    desk.faults += [Fault("drop", path=SUBMIT[profile])] * lost
                    path = folder / f"{profile}{lost}{n}.db"
                    with opened(path) as journal:
                        prepared(journal, 2, name=profile, refused=(2,))
                    process = fork.Process(target=_sender, args=(path, base, profile, n, folder))
                    process.start()
                    process.join()
                    with opened(path) as journal, platform(profile, base=base) as at:
                        until_settled(journal, at, folder)
                        assert states(journal) == expected(profile, 2)
                        assert journal.verify().holds
                    _held(desk, 2)
                    if process.exitcode == 0:
                        break
                    assert process.exitcode == -signal.SIGKILL
                    kills += 1
            what = "kill -9" + (", an answer lost before" if lost else "")
            yield what, f"{profile}: each of {kills} steps", "2 of 2 once after every kill; 1 accepted, 1 rejected" if profile != "nuonuo" else "2 of 2 once after every kill; 2 accepted"  # fmt: skip


def answers(folder: Path, count: int) -> Iterator[Row]:
    """One kind of bad answer for a twentieth of the requests."""
    refused = set(range(7, count + 1, 20))
    for kind, words in KINDS.items():
        for profile in PATHS:
            desk = Desk(wrong)
            with opened(folder / f"{kind}{profile}.db") as journal, platform(profile, desk) as at:
                prepared(journal, count, name=profile, refused=refused)
                at.session()
                desk.faults += [Fault(kind, times=2, path=SUBMIT[profile], seconds=0)]
                desk.faults += [Fault(kind, share=0.05, seconds=0)]
                turns = until_settled(journal, at, folder / f"{kind}{profile}")
                done = _end(journal, profile, count, refused)
            happened = desk.calls.get(f"fault {kind}", 0)
            yield words, f"{profile}: {happened} of its requests", f"{_held(desk, count)}; {done}; {turns} sendings"


def callbacks(folder: Path, count: int) -> Iterator[Row]:
    refused = set(range(7, count + 1, 20))
    for mode, copies in (("lost", 0), ("doubled, in reverse order", 2)):
        desk = Desk(wrong)
        with opened(folder / f"callbacks{copies}.db") as journal, platform("peppol_ap", desk) as at:
            prepared(journal, count, refused=refused)
            send(journal, at)
            desk.judged()
            news = 0
            for held in reversed(list(desk.held.values())):
                outcome = Outcome(held.state, held.id, message=held.message, at=held.changed_at)
                told = Callback(f"ev-{held.changed}", outcome)
                news += sum(follow.heard(journal, "peppol_ap", told) for _ in range(copies))
            until_settled(journal, at, folder / f"callbacks{copies}")
            done = _end(journal, "peppol_ap", count, refused)
        yield f"callbacks {mode}", f"peppol_ap: all {count:,}; {news:,} of {copies * count:,} were news", f"{_held(desk, count)}; {done}"  # fmt: skip


def clocks(folder: Path, count: int) -> Iterator[Row]:
    refused = set(range(7, count + 1, 20))
    for hours in (-30, 30):
        desk = Desk(wrong, now=lambda hours=hours: dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours))
        with opened(folder / f"clock{hours}.db") as journal, platform("peppol_ap", desk) as at:
            prepared(journal, count, refused=refused)
            until_settled(journal, at, folder / f"clock{hours}")
            done = _end(journal, "peppol_ap", count, refused)
        yield f"the platform's clock is {hours:+} hours off", "peppol_ap", f"{_held(desk, count)}; {done}"


def lagging(folder: Path, count: int) -> Iterator[Row]:
    for profile in ("myinvois", "ksef"):
        later = [dt.timedelta()]
        desk = Desk(wrong, index_lag_s=50, now=lambda later=later: dt.datetime.now(dt.UTC) + later[0])
        with opened(folder / f"lag{profile}.db") as journal, platform(profile, desk) as at:
            prepared(journal, count, name=profile)
            at.session()
            desk.faults.append(Fault("drop", times=count, path=SUBMIT[profile]))
            for _ in range(3):
                send(journal, at)
            waiting = states(journal).get("sent", 0)
            desk.faults.clear()
            later[0] = dt.timedelta(seconds=61)
            send(journal, at, later=later[0])
            until_settled(journal, at, folder / f"lag{profile}", turn_s=122)
            done = ", ".join(f"{n:,} {s}" for s, n in states(journal).items())
            assert states(journal) == {"accepted": count}
        yield "answers lost, and the search shows nothing for 50 s", f"{profile}: {waiting} left open, asked three times", f"{_held(desk, count)}; {done}"  # fmt: skip


def side_by_side(folder: Path, count: int) -> Iterator[Row]:
    desk = Desk(wrong)
    with served(desk) as base, opened(folder / "two.db") as journal:
        prepared(journal, count)
        two_senders(folder / "two.db", base)
        assert states(journal) == {"delivered": count}
    yield "two senders at once", "peppol_ap", f"{_held(desk, count)}; {count:,} delivered"


def month(folder: Path, count: int) -> Iterator[Row]:
    """The whole: so many documents, a twentieth refused, a twentieth of the requests failing in every way."""
    refused = set(range(7, count + 1, 20))
    desk = Desk(wrong)
    with opened(folder / "month.db") as journal, platform("peppol_ap", desk) as at:
        prepared(journal, count, refused=refused)
        at.http.auth.token()
        desk.faults += [Fault(kind, share=0.05 / len(MIX), seconds=0) for kind in MIX]
        desk.faults += [Fault("expire_token", share=0.0005)]
        cpu, wall = time.process_time(), time.perf_counter()
        turns = until_settled(journal, at, folder / "month", most=60)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        done = _end(journal, "peppol_ap", count, refused)
    happened = {kind: desk.calls.get(f"fault {kind}", 0) for kind in (*MIX, "expire_token")}
    counted = ", ".join(f"{number:,} {kind}" for kind, number in happened.items())
    yield (
        f"{count:,} documents, 5 % of requests fail in one way or another",
        f"peppol_ap: {counted}",
        (f"{_held(desk, count)}; {done}; {turns} sendings, {wall:.0f} s wall, {cpu:.0f} CPU seconds with the platform"),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--each", type=int, default=100)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    lines = ["| fault | where | what came of it |", "|---|---|---|"]
    print("\n".join(lines))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for rows in (
            killed(folder), answers(folder, given.each), callbacks(folder, given.each), clocks(folder, given.each),
            lagging(folder, min(given.each, 20)), side_by_side(folder, given.each), month(folder, given.documents),
        ):  # fmt: skip
            for row in rows:
                lines.append(f"| {' | '.join(row)} |")
                print(lines[-1], flush=True)
    if given.out:
        given.out.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
