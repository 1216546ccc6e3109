"""Changed definitions that wait for a second person."""

import pytest

from tieout.cases import audit
from tieout.cases.rulings import admit, approve_rules, digest_of, rulings
from tieout.model.errors import Forbidden, NotFound, TieoutError
from tieout.store.fold import Entry

OLD = {"rules/a.yaml": "1", "rules/b.yaml": "1"}
NEW = {"rules/a.yaml": "2", "rules/b.yaml": "1"}


def sealed(journal, run_id, definitions):
    payload = {"as_of": "2026-10-31", "manifest_sha256": "", "definitions": digest_of(definitions), "guarded": True}
    with journal.writing() as session:
        session.append([Entry(f"run:{run_id}", "run_sealed", "tieout", payload=payload)])


def test_the_first_run_sets_the_standard_and_the_same_rules_go_on(journal):
    admit(journal, OLD, {}, actor="mia")
    sealed(journal, "r1", OLD)
    admit(journal, OLD, OLD, actor="mia")
    assert rulings(journal) == []


def test_changed_rules_wait_until_another_person_approves(journal):
    sealed(journal, "r1", OLD)
    for _ in range(2):
        with pytest.raises(Forbidden, match=r"definitions changed since the last run \(rules/a.yaml\).*approve-rules"):
            admit(journal, NEW, OLD, actor="mia")
    [waiting] = rulings(journal)
    assert (waiting["state"], waiting["proposed_by"], waiting["changed"]) == ("proposed", "mia", "rules/a.yaml")
    short = waiting["digest"][:12]
    with pytest.raises(Forbidden, match="proposed by mia; another person"):
        approve_rules(journal, short, actor="mia", reason="mine")
    with pytest.raises(NotFound, match="0 proposed rules begin with 'ffff"):
        approve_rules(journal, "ffff", actor="zoe", reason="x")
    with pytest.raises(TieoutError, match="without a reason"):
        approve_rules(journal, short, actor="zoe", reason=" ")
    approve_rules(journal, short, actor="zoe", reason="read the diff")
    admit(journal, NEW, OLD, actor="mia")
    sealed(journal, "r2", NEW)
    assert list(audit.faults(journal)) == []
    assert journal.verify().holds


def test_the_proof_names_a_run_with_rules_that_nobody_approved(journal):
    sealed(journal, "r1", OLD)
    sealed(journal, "r2", NEW)
    [fault] = audit.faults(journal)
    assert "event 2 (run_sealed of run:r2): the run used changed rules" in fault
