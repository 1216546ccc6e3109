"""The seal names the first row that differs, whatever was changed, and does not depend on how rows lie in the file."""

from decimal import Decimal as D

import polars as pl
import pytest

from tieout.model.records import Query
from tieout.store import seal
from tieout.store.engine import Store


def store(ids=("a", "b", "c")):
    made = Store.create()
    made.append(
        "payment",
        pl.DataFrame(
            {
                "payment_id": list(ids),
                "amount": pl.Series([D("1.00")] * len(ids), dtype=pl.Decimal(18, 4)),
                "currency": "EUR",
            }
        ),
    )
    return made


def test_the_order_of_insertion_does_not_matter():
    assert seal.seals(seal.digests(store("abc"))) == seal.seals(seal.digests(store("cab")))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("update payment set amount = 1.01 where payment_id = 'b'", "key b was changed"),
        ("delete from payment where payment_id = 'c'", "key c was removed"),
        ("insert into payment (payment_id) values ('bb')", "key bb was added"),
        ("update payment set currency = null where payment_id = 'a'", "key a was changed"),
        ("insert into payment select * from payment where payment_id = 'a'", "key a was added"),
    ],
)
def test_a_change_is_named(change, said):
    changed = store()
    sealed = seal.digests(changed)
    assert seal.compare(sealed, seal.digests(changed)) is None
    changed.execute(Query("tamper", change))
    assert said in (seal.compare(sealed, seal.digests(changed)) or "")


def test_null_and_empty_text_differ():
    one, other = store("a"), store("a")
    other.execute(Query("tamper", "update payment set remittance = ''"))
    assert seal.seals(seal.digests(one)) != seal.seals(seal.digests(other))


def test_a_value_cannot_move_to_the_next_column_unseen():
    one, other = store("a"), store("a")
    one.execute(Query("x", "update payment set end_to_end_id = 'x', mandate_id = ''"))
    other.execute(Query("x", "update payment set end_to_end_id = '', mandate_id = 'x'"))
    assert seal.seals(seal.digests(one)) != seal.seals(seal.digests(other))
