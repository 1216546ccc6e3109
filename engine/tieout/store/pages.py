"""Pages of the case queue: filter, search, sort and keyset over the journal's view of cases. Called by the workbench.

A page costs the same wherever it stands in the queue: it begins behind the last row of the page before, not at an offset.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import polars as pl
import sqlalchemy as sa

from tieout.model.errors import TieoutError
from tieout.store.journal import Journal, Session
from tieout.store.views import CASE, frame

__all__ = ["COUNTED", "MOST_ROWS", "SORTS", "Page", "Wanted", "case_counts", "case_page", "case_total", "prepare"]

MOST_ROWS = 500
COUNTED = ("state", "reason", "queue", "owner", "currency", "object_table")
_TEXTS = ("case_id", "object_id", "related_id", "party_id", "message", "source", "owner")
_COLUMNS = (
    "case_id", "state", "reason", "queue", "owner", "due", "amount", "currency", "party_id", "object_table",
    "object_id", "related_id", "message", "opened_as_of", "changed_at", "comments", "cause_is_gone",
    "changed_since_decision",
)  # fmt: skip

# Written out, not bound: an index on an expression serves only the same expression.
_DUE = sa.func.coalesce(CASE.c.due, sa.literal_column("'9999-12-31'", sa.Date), type_=sa.Date)
_MONEY = -sa.func.coalesce(sa.type_coerce(CASE.c.amount, sa.BigInteger), sa.literal_column("0", sa.BigInteger))
_OWNER = sa.func.coalesce(CASE.c.owner, "")
SORTS: dict[str, tuple[Any, ...]] = {
    "urgency": (_DUE, _MONEY, CASE.c.case_id),
    "amount": (_MONEY, CASE.c.case_id),
    "age": (CASE.c.opened_as_of, CASE.c.case_id),
    "reason": (CASE.c.reason, _DUE, CASE.c.case_id),
    "queue": (CASE.c.queue, _DUE, CASE.c.case_id),
    "owner": (_OWNER, _DUE, CASE.c.case_id),
    "state": (CASE.c.state, _DUE, CASE.c.case_id),
    "id": (CASE.c.case_id,),
}
"""What a queue may be sorted by; each ends with the id, so that the order is total."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cases: what is left empty does not matter."""

    state: Sequence[str] = ()
    reason: Sequence[str] = ()
    queue: Sequence[str] = ()
    owner: Sequence[str] = ()
    """An empty name stands for nobody."""
    currency: Sequence[str] = ()
    due_by: dt.date | None = None
    opened_by: dt.date | None = None
    at_least: Decimal | None = None
    at_most: Decimal | None = None
    text: str = ""
    """Somewhere in the ids, the message, the file or the owner; case does not matter."""
    objects: Sequence[str] = ()
    """Objects that the text was found in elsewhere: their cases are wanted too."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of the queue, and the tokens of the pages beside it."""

    rows: pl.DataFrame
    after: str | None = None
    before: str | None = None
    ids: tuple[str, ...] = field(default=())


def case_page(
    session: Session,
    wanted: Wanted,
    *,
    sort: str = "urgency",
    descending: bool = False,
    after: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> Page:
    """One page of the cases wanted. after, before: tokens of an earlier page; None for the first.

    Raises TieoutError for an unknown sort, a token of another queue and a limit out of 1 to 500.
    """
    if sort not in SORTS:
        raise TieoutError(f"sort {sort}: choose one of {', '.join(SORTS)}")
    if not 1 <= limit <= MOST_ROWS:
        raise TieoutError(f"limit {limit}: a page has 1 to {MOST_ROWS} rows")
    keys = SORTS[sort]
    backwards = before is not None and after is None
    place = _place(before if backwards else after, sort, keys)
    downwards = descending != backwards
    query = sa.select(
        *(CASE.c[name] for name in _COLUMNS), *(key.label(f"key_{n}") for n, key in enumerate(keys))
    ).where(*_conditions(session, wanted))
    if place:
        mine, theirs = (
            sa.tuple_(*keys),
            sa.tuple_(*(sa.literal(value, key.type) for key, value in zip(keys, place, strict=True))),
        )
        query = query.where(mine < theirs if downwards else mine > theirs)
    query = query.order_by(*(key.desc() if downwards else key.asc() for key in keys)).limit(limit + 1)
    rows = frame(session.connection, query)
    more = rows.height > limit
    rows = rows.head(limit)
    if backwards:
        rows = rows.reverse()
    names = [f"key_{n}" for n in range(len(keys))]
    tokens = [_token(sort, rows.select(names).row(n)) for n in (0, -1)] if rows.height else []
    has_next, has_previous = (True, more) if backwards else (more, bool(place))
    return Page(
        rows.drop(names),
        after=tokens[1] if tokens and has_next else None,
        before=tokens[0] if tokens and has_previous else None,
        ids=tuple(rows["case_id"].to_list()),
    )


def prepare(journal: Journal) -> None:
    """Makes the indexes that pages and counts want, where they are not there yet."""
    with journal.reading() as session:
        catalogue = "sqlite_master" if session.connection.dialect.name == "sqlite" else "pg_indexes"
        column = "name" if catalogue == "sqlite_master" else "indexname"
        known = set(session.connection.scalars(sa.text(f"select {column} from {catalogue}")))
    missing = [sql for name, sql in _INDEXES.items() if name not in known]
    if missing:
        with journal.writing() as session:
            for sql in missing:
                session.connection.execute(sa.text(sql))


_INDEXES = {
    "journal_case_urgency": "create index if not exists journal_case_urgency on journal_case "
    "(workspace, coalesce(due, '9999-12-31'), (-coalesce(amount, 0)), case_id)",
    "journal_case_tally": "create index if not exists journal_case_tally on journal_case "
    "(workspace, state, queue, reason, opened_as_of)",
    "journal_case_owner": "create index if not exists journal_case_owner on journal_case (workspace, owner)",
}


def case_total(session: Session, wanted: Wanted, *, at_most: int = 10_000) -> int:
    """How many cases are wanted; counting ends at ``at_most``."""
    some = sa.select(CASE.c.case_id).where(*_conditions(session, wanted)).limit(at_most).subquery()
    query = sa.select(sa.func.count()).select_from(some)
    return int(session.connection.scalar(query) or 0)


def case_counts(session: Session, wanted: Wanted, *by: str) -> list[tuple[Any, ...]]:
    """The number of cases by each combination of the columns, the most first: (value ..., count)."""
    columns = [CASE.c[name] for name in by]
    count = sa.func.count().label("n")
    query = sa.select(*columns, count).where(*_conditions(session, wanted)).group_by(*columns)
    return [tuple(row) for row in session.connection.execute(query.order_by(count.desc(), *columns))]


def _conditions(session: Session, wanted: Wanted) -> list[Any]:
    # A search looks at every row: in the order of the table that is faster than by way of an index.
    mine = CASE.c.workspace + "" if wanted.text.strip() else CASE.c.workspace
    found: list[Any] = [mine == session.workspace]
    for name in ("state", "reason", "queue", "currency"):
        if values := getattr(wanted, name):
            found.append(CASE.c[name].in_(list(values)))
    if wanted.owner:
        named = [name for name in wanted.owner if name]
        nobody = [CASE.c.owner.is_(None)] if "" in wanted.owner else []
        found.append(sa.or_(CASE.c.owner.in_(named), *nobody))
    if wanted.due_by is not None:
        found.append(CASE.c.due <= wanted.due_by)
    if wanted.opened_by is not None:
        found.append(CASE.c.opened_as_of <= wanted.opened_by)
    if wanted.at_least is not None:
        found.append(CASE.c.amount >= wanted.at_least)
    if wanted.at_most is not None:
        found.append(CASE.c.amount <= wanted.at_most)
    if text := wanted.text.strip():
        elsewhere = [CASE.c.object_id.in_(list(wanted.objects))] if wanted.objects else []
        found.append(sa.or_(*_search(session, text), *elsewhere))
    return found


def _search(session: Session, text: str) -> list[Any]:
    """Where the text may stand. SQLite's LIKE ignores the case of letters by itself, and is faster for it."""
    plain = session.connection.dialect.name == "sqlite"
    columns = [CASE.c[name] for name in _TEXTS]
    return [
        each.contains(text, autoescape=True) if plain else each.icontains(text, autoescape=True) for each in columns
    ]


def _token(sort: str, keys: Sequence[Any]) -> str:
    written = [each.isoformat() if isinstance(each, dt.date) else each for each in keys]
    text = json.dumps([sort, *written], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place(token: str | None, sort: str, keys: Sequence[Any]) -> list[Any] | None:
    if not token:
        return None
    foreign = TieoutError("this page token is not one of this queue and order; begin at the first page")
    try:
        padded = token + "=" * (-len(token) % 4)
        written = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as exc:
        raise foreign from exc
    if not isinstance(written, list) or written[:1] != [sort] or len(written) != len(keys) + 1:
        raise foreign
    found: list[Any] = []
    value: Any
    for key, value in zip(keys, written[1:], strict=True):
        number = isinstance(key.type, sa.BigInteger)
        fits = (
            isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
            if number
            else isinstance(value, str)
        )
        if not fits:
            raise foreign
        try:
            found.append(dt.date.fromisoformat(value) if isinstance(key.type, sa.Date) else value)
        except ValueError as exc:
            raise foreign from exc
    return found
