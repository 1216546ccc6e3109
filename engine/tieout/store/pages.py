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
from tieout.store.fold import DECIDED, LIVE
from tieout.store.session import Session
from tieout.store.tables import AMOUNT, CASE, DUE, IS_DECIDED, URGENCY, frame

__all__ = [
    "COUNTED",
    "MOST_COUNTED",
    "MOST_ROWS",
    "SORTS",
    "Page",
    "Wanted",
    "case_counts",
    "case_page",
    "case_total",
    "values",
]

MOST_ROWS = 500
MOST_COUNTED = 10_000
_LISTS = ("reason", "queue", "currency")
COUNTED = ("state", "reason", "queue", "owner", "currency", "object_table")
_TEXTS = ("case_id", "object_id", "related_id", "party_id", "message", "source", "owner")
_COLUMNS = (
    "case_id", "state", "reason", "queue", "owner", "due", "amount", "currency", "party_id", "object_table",
    "object_id", "related_id", "message", "opened_as_of", "changed_at", "comments", "cause_is_gone",
    "changed_since_decision",
)  # fmt: skip

_OWNER = sa.func.coalesce(CASE.c.owner, "")
SORTS: dict[str, tuple[Any, ...]] = {
    "urgency": URGENCY,
    "amount": (AMOUNT, CASE.c.case_id),
    "age": (CASE.c.opened_as_of, CASE.c.case_id),
    "reason": (CASE.c.reason, DUE, CASE.c.case_id),
    "queue": (CASE.c.queue, DUE, CASE.c.case_id),
    "owner": (_OWNER, DUE, CASE.c.case_id),
    "state": (CASE.c.state, DUE, CASE.c.case_id),
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
    total: int | None = None
    """How many cases are wanted in all, up to ``MOST_COUNTED``; None where it was not asked for."""


def case_page(
    session: Session,
    wanted: Wanted,
    *,
    sort: str = "urgency",
    descending: bool = False,
    after: str | None = None,
    before: str | None = None,
    limit: int = 50,
    counted: bool = False,
) -> Page:
    """One page of the cases wanted. after, before: tokens of an earlier page; None for the first. counted: with the total.

    Raises TieoutError for an unknown sort, a token of another queue and a limit out of 1 to 500.
    """
    if sort not in SORTS:
        raise TieoutError(f"sort {sort}: choose one of {', '.join(SORTS)}")
    if not 1 <= limit <= MOST_ROWS:
        raise TieoutError(f"limit {limit}: a page has 1 to {MOST_ROWS} rows")
    keys = SORTS[sort]
    backwards = before is not None and after is None
    place = _place(before if backwards else after, sort, keys)
    # The keys first, from an index where there is one; then the rows of one page.
    names = [f"key_{n}" for n in range(len(keys))]
    found = sa.select(*(key.label(name) for key, name in zip(keys, names, strict=True))).where(
        *_conditions(session, wanted)
    )
    searched = found.cte("searched").prefix_with("materialized") if counted and wanted.text.strip() else None
    if searched is not None:
        # A search has looked at every row by the time it has a page: counting what it found costs nothing more.
        keys = tuple(searched.c[name] for name in names)
        found = sa.select(searched)
    query = _ordered(found, keys, place, forwards=not backwards, descending=descending).limit(limit + 1)
    if searched is not None:
        query = query.add_columns(_counted(sa.select(searched.c[names[-1]])).label("total"))
    rows = [tuple(row) for row in session.connection.execute(query)]
    more, rows = len(rows) > limit, rows[:limit]
    total = None
    if counted:
        told = rows[0][-1] if rows else None if place else 0
        total = int(told) if searched is not None and told is not None else case_total(session, wanted)
    places = [row[: len(keys)] for row in (reversed(rows) if backwards else rows)]
    ids = tuple(str(each[-1]) for each in places)
    has_next, has_previous = (True, more) if backwards else (more, bool(place))
    return Page(
        _rows(session, ids),
        after=_token(sort, places[-1]) if ids and has_next else None,
        before=_token(sort, places[0]) if ids and has_previous else None,
        ids=ids,
        total=total,
    )


def _ordered(
    query: sa.Select[Any], keys: Sequence[Any], place: list[Any] | None, *, forwards: bool, descending: bool
) -> sa.Select[Any]:
    """The rows behind the place, or, not forwards, those before it from the nearest on."""
    downwards = descending == forwards
    if place:
        mine = sa.tuple_(*keys)
        theirs = sa.tuple_(*(sa.literal(value, key.type) for key, value in zip(keys, place, strict=True)))
        query = query.where(mine < theirs if downwards else mine > theirs)
    return query.order_by(*(key.desc() if downwards else key.asc() for key in keys))


def _rows(session: Session, ids: Sequence[str]) -> pl.DataFrame:
    """The rows of the cases, in the order of the ids."""
    query = sa.select(*(CASE.c[name] for name in _COLUMNS)).where(
        CASE.c.workspace == session.workspace, CASE.c.case_id.in_(ids)
    )
    order = pl.DataFrame({"case_id": ids}, schema={"case_id": pl.String})
    return order.join(frame(session.connection, query), on="case_id", how="left", maintain_order="left")


def case_total(session: Session, wanted: Wanted) -> int:
    """How many cases are wanted; counting ends at ``MOST_COUNTED``."""
    query = sa.select(_counted(sa.select(CASE.c.case_id).where(*_conditions(session, wanted))))
    return int(session.connection.scalar(query) or 0)


def _counted(rows: sa.Select[Any]) -> Any:
    return sa.select(sa.func.count()).select_from(rows.limit(MOST_COUNTED).subquery()).scalar_subquery()


def values(session: Session, column: str, **where: str) -> list[str]:
    """The values that cases have in a column (queue, owner, or reason within a queue), each found by one look into an index."""
    known = [CASE.c.workspace == session.workspace, *(CASE.c[name] == value for name, value in where.items())]
    least = sa.select(sa.func.min(CASE.c[column]).label("value")).where(*known)
    seen = least.cte("seen", recursive=True)
    following = sa.select(sa.func.min(CASE.c[column])).where(*known, CASE.c[column] > seen.c.value)
    seen = seen.union_all(sa.select(following.scalar_subquery()).where(seen.c.value.is_not(None)))
    return list(session.connection.scalars(sa.select(seen.c.value).where(seen.c.value.is_not(None))))


def case_counts(session: Session, wanted: Wanted, *by: str) -> list[tuple[Any, ...]]:
    """The number of cases by each combination of the columns, the most first: (value ..., count)."""
    columns = [CASE.c[name] for name in by]
    count = sa.func.count().label("n")
    query = sa.select(*columns, count).where(*_conditions(session, wanted)).group_by(*columns)
    return [tuple(row) for row in session.connection.execute(query.order_by(count.desc(), *columns))]


def _conditions(session: Session, wanted: Wanted) -> list[Any]:
    # A search looks at every row: in the order of the table that is faster than by way of an index.
    text = wanted.text.strip()
    mine = _unindexed(session, "workspace") if text else CASE.c.workspace
    found: list[Any] = [mine == session.workspace]
    states = set(wanted.state)
    for decided, known in ((0, LIVE), (1, DECIDED)):
        if states and states <= set(known):
            found.append(decided == IS_DECIDED)
            states -= set(known) if states == set(known) else set()
    for name, values in (("state", sorted(states)), *((each, getattr(wanted, each)) for each in _LISTS)):
        if values:
            found.append(_unindexed(session, name).in_(list(values)))
    if wanted.owner:
        named = [name for name in wanted.owner if name]
        nobody = [CASE.c.owner.is_(None)] if "" in wanted.owner else []
        found.append(sa.or_(_unindexed(session, "owner").in_(named), *nobody))
    if wanted.due_by is not None:
        found.append(CASE.c.due <= wanted.due_by)
    if wanted.opened_by is not None:
        found.append(CASE.c.opened_as_of <= wanted.opened_by)
    if wanted.at_least is not None:
        found.append(CASE.c.amount >= wanted.at_least)
    if wanted.at_most is not None:
        found.append(CASE.c.amount <= wanted.at_most)
    if text:
        elsewhere = [CASE.c.object_id.in_(list(wanted.objects))] if wanted.objects else []
        found.append(sa.or_(*_search(session, text), *elsewhere))
    return found


def _unindexed(session: Session, name: str) -> Any:
    """The column as SQLite must not look it up: the rows are read in the order of the page, and passed over in its index.

    PostgreSQL knows how many rows have the value, and chooses by itself.
    """
    if session.connection.dialect.name != "sqlite":
        return CASE.c[name]
    return sa.literal_column(f"+journal_case.{name}", CASE.c[name].type)


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
