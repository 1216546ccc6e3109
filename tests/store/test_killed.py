"""kill -9 in the middle of each decision, two writers and eight threads, on both databases: nothing lost, nothing twice."""

import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest

from tieout.cases import audit, decide
from tieout.cases.decide import Settles
from tieout.cases.work import assign, comment, move, show_case
from tieout.model.errors import TieoutError
from tieout.model.policy import Policy
from tieout.model.records import Query
from tieout.store.engine import Store
from tieout.store.fold import Entry
from tieout.store.journal import Journal

CASES = (
    "MATCH", "SPLIT", "CONFIRM", "ACCOUNT", "NOTOURS", "WRITEOFF", "APPROVE", "REFUSE", "REJECT", "UNDO", "ALLOW", "ASSIGN",
    "COMMENT", "WAIT", "PROPOSE", "RESOLVE", "WAIVE", "REOPEN",
)  # fmt: skip
AGAIN = {"ASSIGN", "COMMENT", "WAIT", "SPLIT"}
"""What may be done twice: another owner, another comment, another reason to wait, a part of the rest."""

# The same acts in the child that is killed and in the test that repeats them.
ACTS = """
from tieout.cases import decide, work
from tieout.cases.decide import Settles
from tieout.model.policy import Policy

def act(name, store, journal):
    case, say = f"EX-{name}", {"actor": "mia", "reason": "because"}
    full = {**say, "policy": Policy.of({})}
    {
        "MATCH": lambda: decide.match(store, journal, case, [Settles("I-MATCH")], **full),
        "SPLIT": lambda: decide.match(store, journal, case, [Settles("I-SPLIT", 40)], rest="open", **full),
        "ACCOUNT": lambda: decide.on_account(store, journal, case, party_id="C1", **full),
        "NOTOURS": lambda: decide.not_receivable(store, journal, case, **full),
        "WRITEOFF": lambda: decide.write_off(store, journal, case, **full),
        "APPROVE": lambda: decide.approve(journal, case, actor="zoe", reason="because"),
        "REFUSE": lambda: decide.refuse(journal, case, actor="zoe", reason="because"),
        "CONFIRM": lambda: decide.confirm(store, journal, case, **full),
        "REJECT": lambda: decide.reject(journal, case, "I-REJECT", **say),
        "UNDO": lambda: decide.undo(journal, case, **say),
        "ALLOW": lambda: decide.undo(journal, case, open_item_id="I-ALLOW", **say),
        "ASSIGN": lambda: work.assign(journal, [case], to="mia", actor="mia"),
        "COMMENT": lambda: work.comment(journal, case, "hello", actor="mia"),
        "WAIT": lambda: work.move(journal, case, "waiting", **say),
        "PROPOSE": lambda: work.move(journal, case, "proposed", **say),
        "RESOLVE": lambda: work.move(journal, case, "resolved", **say),
        "WAIVE": lambda: work.move(journal, case, "waived", **say),
        "REOPEN": lambda: work.move(journal, case, "reopened", **say),
    }[name]()
"""
CHILD = (
    ACTS
    + """
import os, signal, sys
from pathlib import Path
from tieout.store.engine import Store
from tieout.store.journal import Journal
from tieout.store.session import Session

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def killed(step, after):
    real = getattr(Session, step)
    def dying(session, *given):
        if after:
            real(session, *given)
        die()
    setattr(Session, step, dying)

MOMENTS = {
    "before its event is written": ("_insert", False), "between event and views": ("_insert", True),
    "between view and view": ("_fold_cases", True), "before its commit": ("append", True),
}
for name in sys.argv[4:]:
    child = os.fork()
    if child == 0:
        killed(*MOMENTS[sys.argv[3]])
        with Store.open(Path(sys.argv[2])) as store, Journal.open(sys.argv[1]) as journal:
            act(name, store, journal)
        os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, (name, status)
print("all were killed")
"""
)


@pytest.fixture
def run(tmp_path):
    """A run with a payment and an item of 100 for each case, as a file that many may open."""
    path = tmp_path / "run.duckdb"
    with Store.create(path) as store:
        for table, columns in (
            ("payment", "payment_id, amount, currency, status"),
            ("open_item", "open_item_id, open_amount, currency, party_id"),
        ):
            letter, last = ("P", "BOOK") if table == "payment" else ("I", "C1")
            values = ", ".join(f"('{letter}-{name}', 100, 'EUR', '{last}')" for name in CASES)
            store.execute(Query("fill", f"insert into {table} ({columns}) values {values}"))
        store.execute(
            Query(
                "propose",
                "insert into allocation (payment_id, open_item_id, kind, amount, currency, open_item_amount, "
                "open_item_currency, status, pass) values "
                "('P-CONFIRM', 'I-CONFIRM', 'payment', 100, 'EUR', 100, 'EUR', 'proposed', 'amount')",
            )
        )
    return path


@pytest.fixture
def journal(url, run):
    with Journal.open(url) as journal, Store.open(run) as store:
        facts = {"reason": "ambiguous", "queue": "cash", "as_of": "2026-10-31", "run_id": "r1", "fingerprint": "f"}
        facts["object_table"] = "payment"
        with journal.writing() as session:
            session.append(
                [
                    Entry(f"case:EX-{name}", "case_opened", "tieout", payload={**facts, "object_id": f"P-{name}"})
                    for name in CASES
                ]
            )
        say = {"actor": "mia", "reason": "because", "policy": Policy.of({})}
        for name in ("APPROVE", "REFUSE"):
            decide.write_off(store, journal, f"EX-{name}", **say)
        decide.match(store, journal, "EX-UNDO", [Settles("I-UNDO")], **say)
        decide.reject(journal, "EX-ALLOW", "I-ALLOW", actor="mia", reason="because")
        move(journal, "EX-REOPEN", "resolved", actor="mia", reason="because")
        yield journal


@pytest.mark.parametrize(
    "moment",
    ["before its event is written", "between event and views", "between view and view", "before its commit"],
)
def test_a_decision_killed_in_the_middle_leaves_nothing_and_is_taken_once_when_repeated(url, run, journal, moment):
    with journal.reading() as session:
        before = session.head()
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD), url, str(run), moment, *CASES],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "all were killed\n", done.stderr
    with journal.reading() as session:
        assert session.head() == before
    place = {}
    exec(ACTS, place)
    with Store.open(run) as store:
        for name in CASES:
            place["act"](name, store, journal)
        for name in CASES:
            if name not in AGAIN:
                with pytest.raises(TieoutError):
                    place["act"](name, store, journal)
    with journal.reading() as session:
        assert session.head()[0] == before[0] + len(CASES)
    verdict = journal.verify()
    assert verdict.holds, verdict.fault
    assert list(audit.faults(journal)) == []


def test_eight_people_who_decide_at_once_settle_each_payment_once(url, run, journal):
    free = ("MATCH", "SPLIT", "ACCOUNT", "REJECT")

    def work(n):
        done = []
        with Journal.open(url) as mine, Store.open(run) as store:
            for name in free:
                comment(mine, f"EX-{name}", f"looked at by {n}", actor=f"clerk{n}")
                try:
                    decide.match(
                        store,
                        mine,
                        f"EX-{name}",
                        [Settles(f"I-{name}")],
                        actor=f"clerk{n}",
                        reason="x",
                        policy=Policy.of({}),
                    )
                    done.append(name)
                except TieoutError:
                    assign(mine, ["EX-ASSIGN"], to=f"clerk{n}", actor=f"clerk{n}")
        return done

    with ThreadPoolExecutor(8) as pool:
        won = [name for done in pool.map(work, range(8)) for name in done]
    assert sorted(won) == sorted(free)
    assert [show_case(journal, f"EX-{name}")["comments"] for name in free] == [8] * 4
    verdict = journal.verify()
    assert verdict.holds, verdict.fault
