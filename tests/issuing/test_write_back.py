"""Writing to an ERP: once, whatever happens in between."""

from decimal import Decimal

import pytest

from tieout.issuing.write_back import Write, posted_payments, write_back
from tieout.model.errors import RemoteError
from tieout.store.journal import Journal


class Erp:
    """An ERP in memory that can refuse, or drop the connection after it has processed."""

    name = "erp"

    def __init__(self):
        self.done, self.finds = [], 0
        self.drop_after = self.refuse = self.down = False

    def can(self, operation):
        return operation != "nothing"

    def find(self, operation, values):
        self.finds += 1
        return values if values in self.done else None

    def write(self, operation, values):
        if self.down:
            raise RemoteError("erp: no answer", perhaps_processed=False)
        if self.refuse:
            raise RemoteError("erp: the period is closed", status=200)
        self.done.append(values)
        if self.drop_after:
            raise RemoteError("erp: no answer", perhaps_processed=True)


@pytest.fixture
def journal(tmp_path):
    with Journal.open(f"sqlite:///{tmp_path / 'journal.db'}") as made:
        yield made


def payment(n=1):
    values = {"number": str(n), "amount": Decimal("8.33"), "reference": f"P{n}"}
    return Write("payment", f"P{n}/{n}", values, {"payment_id": f"P{n}", "amount": Decimal("8.33")})


def states(journal, erp, *writes):
    return [each.state for each in write_back(journal, erp, writes, system="erp")]


def test_a_second_time_nothing_is_written(journal):
    erp = Erp()
    assert states(journal, erp, payment(1), payment(2)) == ["written", "written"]
    assert states(journal, erp, payment(1), payment(2), payment(3)) == ["unchanged", "unchanged", "written"]
    assert [each["number"] for each in erp.done] == ["1", "2", "3"]
    assert erp.finds == 0
    assert posted_payments(journal) == [("P1", "8.33"), ("P2", "8.33"), ("P3", "8.33")]


def test_a_connection_dropped_after_the_erp_processed_never_writes_twice(journal):
    erp = Erp()
    erp.drop_after = True
    assert states(journal, erp, payment()) == ["uncertain"]
    erp.drop_after = False
    assert states(journal, erp, payment()) == ["there"]
    assert states(journal, erp, payment()) == ["unchanged"]
    assert len(erp.done) == 1


@pytest.mark.parametrize("processed", [True, False])
def test_a_process_killed_between_intent_and_answer_asks_first(journal, processed):
    erp = Erp()

    class Killed(BaseException):
        pass

    def killed(operation, values):
        if processed:
            erp.done.append(values)
        raise Killed

    write, erp.write = erp.write, killed
    with pytest.raises(Killed):
        write_back(journal, erp, [payment(1), payment(2)], system="erp")
    erp.write = write
    assert states(journal, erp, payment(1), payment(2)) == ["there" if processed else "written", "written"]
    assert sorted(each["number"] for each in erp.done) == ["1", "2"]


def test_what_the_erp_refuses_is_told_in_its_words_and_tried_again(journal):
    erp = Erp()
    erp.refuse = True
    (outcome,) = write_back(journal, erp, [payment()], system="erp")
    assert (outcome.state, outcome.message) == ("failed", "erp: the period is closed")
    assert posted_payments(journal) == []
    erp.refuse = False
    assert states(journal, erp, payment()) == ["written"]


def test_an_erp_that_is_down_is_not_asked_for_every_single_write(journal):
    erp = Erp()
    erp.down = True
    assert states(journal, erp, *map(payment, range(6))) == ["failed"] * 3 + ["waiting"] * 3
    erp.down = False
    assert states(journal, erp, *map(payment, range(6))) == ["written"] * 6


def test_what_changed_is_written_anew_and_what_cannot_be_written_is_said(journal):
    erp = Erp()
    first, second = (Write("status", "1", {"number": "1", "text": text}) for text in ("sent", "accepted"))
    assert states(journal, erp, first) == ["written"]
    assert states(journal, erp, second) == ["written"]
    assert states(journal, erp, Write("nothing", "1", {})) == ["failed"]
    assert journal.verify().holds
