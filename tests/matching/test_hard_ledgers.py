"""Ledgers made by a seed, full of what misleads, with the truth known: never a wrong settlement, and the truth among the
solutions shown where several are possible."""

import pytest

from tests.matching import hard_payers, hard_payments
from tests.matching.hard_book import Book, judged

LEDGERS, EACH = 4, 3
KINDS = (*hard_payers.KINDS, *hard_payments.KINDS)


def made(seed: int, each: int = EACH) -> Book:
    """A ledger with so many payments of each kind, which settle nothing of one another."""
    book = Book(seed)
    for _ in range(each):
        for kind in book.chance.sample(KINDS, len(KINDS)):
            kind(book)
    return book


@pytest.mark.parametrize("seed", range(LEDGERS))
def test_a_hard_ledger_is_never_settled_wrongly_and_ambiguity_shows_the_truth(match, seed):
    book = made(seed)
    found = match(party=book.party, open_item=book.items, payment=book.payments, cleared_item=book.cleared)
    wrong, _ = judged(book, found)
    assert wrong == {}
    clear = [payment for payment, sure in book.sure.items() if sure]
    settled = sum(bool(found.settled(payment)) for payment in clear)
    assert settled >= 0.97 * len(clear)
    owing = [payment for payment, meant in book.meant.items() if meant]
    assert sum(bool(found.settled(payment)) for payment in owing) >= 0.6 * len(owing)
