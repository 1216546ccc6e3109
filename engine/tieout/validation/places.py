"""Where findings stand: the path of each, from what its mapping says of the columns its rule read, and a closer line.

Findings are few beside the documents, so all of this is asked once a check, of those that were found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import polars as pl

from tieout.model.canon import CANON
from tieout.model.records import Query
from tieout.store.engine import Store, quote
from tieout.validation.rows import text_literal

__all__ = ["ROOT", "WORKING", "Locator", "Spots", "locate"]

ROOT = -1
"""The spot of a finding on elements: it has its path below the root, and maybe the number of an element on that path."""

WORKING = ("~spot", "~around", "~found_in", "~position", "~up")

_PARTS = {"vat_breakdown": "vat_total_row_no"}
"""Tables whose rows stand in rows of another, and the column that says in which; others say so by ``block_no``."""


class Place(Protocol):
    """A place as the mapping gives it: a template for the path, and for an invoice's own values what encloses it."""

    @property
    def template(self) -> str: ...
    @property
    def enclosing(self) -> tuple[str, ...]: ...


class Locator(Protocol):
    """What mappings say of the places of columns."""

    def __call__(self, mapping: str, table: str, columns: tuple[str, ...], /) -> Mapping[int, Place]: ...
    def root(self, mapping: str, /) -> str: ...


class Spots:
    """The different things that rules of one check read, numbered as their findings are written."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, tuple[str, ...]], int] = {}

    def number(self, table: str, columns: tuple[str, ...]) -> int:
        return self._numbers.setdefault((table, columns), len(self._numbers))

    def of(self, numbers: Sequence[int]) -> Iterator[tuple[int, str, tuple[str, ...]]]:
        """(number, table, columns) of those with the numbers."""
        wanted = set(numbers)
        return ((n, *spot) for spot, n in self._numbers.items() if n in wanted)


def locate(store: Store, spots: Spots, locator: Locator) -> None:
    """Gives the rows of ``~finding`` their path, and those on an invoice itself the line of what encloses their place."""
    found = 'select distinct spot, mapping from "~finding" join "~found_in" using (source) where spot is not null'
    store.execute(
        Query(
            "~found_in",
            'create or replace temp table "~found_in" as\n'
            "select document_id as source, any_value(mapping) as mapping from document\n"
            'where document_id in (select source from "~finding") and mapping is not null group by all',
        )
    )
    pairs = store.fetch(Query("spots", f"{found} order by all")).rows()
    if not pairs:
        return
    rows, around = _told(pairs, spots, locator)
    _put(store, "~spot", rows, ("spot", "mapping", "block", "template"))
    _put(store, "~around", around, ("spot", "mapping", "path", "depth"))
    tables = store.fetch(Query("tables", 'select distinct "table" from "~finding" order by all'))["table"].to_list()
    store.execute(_positions(tables))
    store.execute(Query("~up", _UP))
    depth = "select coalesce(max(len(string_split(path, '/'))), 0) from \"~finding\" where element_no is not null"
    for left in range(int(store.scalar(Query("depth", depth))) - 1, 0, -1):
        store.execute(Query(f"~up {left}", _UP_ONE))
    store.execute(Query("lines of findings", _LINES))
    store.execute(Query("lines of elements", _OWN_LINES))
    store.execute(Query("paths of findings", _PATHS))


def _told(
    pairs: Sequence[tuple[int, str]], spots: Spots, locator: Locator
) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """The templates, and the paths around, of the spots in documents of each mapping."""
    known = {number: (table, columns) for number, table, columns in spots.of([spot for spot, _ in pairs])}
    rows: list[tuple[object, ...]] = []
    around: list[tuple[object, ...]] = []
    for spot, mapping in pairs:
        if spot == ROOT:
            root = locator.root(mapping)
            rows.append((spot, mapping, 0, root + ("{members}" if root == "$" else "{path}")))
            continue
        for block, place in locator(mapping, *known[spot]).items():
            rows.append((spot, mapping, block, place.template))
            around += [(spot, mapping, path, depth) for depth, path in enumerate(place.enclosing)]
    return rows, around


def _put(store: Store, name: str, rows: Sequence[tuple[object, ...]], columns: Sequence[str]) -> None:
    texts = ("mapping", "template", "path")
    schema = {each: pl.String if each in texts else pl.Int64 for each in columns}
    with store.registered(pl.DataFrame(rows, schema=schema, orient="row")) as view:
        store.execute(Query(name, f"create or replace temp table {quote(name)} as select * from {quote(view)}"))


def _positions(tables: Sequence[str]) -> Query:
    """The position of each row that stands in a part of its table, within that part."""
    selects = ["select null::varchar as tab, null::varchar as id, null::bigint as row_no, null::bigint as part, null::bigint as position where false"]  # fmt: skip
    for table in tables:
        names = CANON[table].by_name if table in CANON else {}
        part = "block_no" if "block_no" in names else _PARTS.get(table)
        if part:
            selects.append(
                f"select {text_literal(table)}, invoice_id, row_no, {part},\n"
                f"  row_number() over (partition by invoice_id, {part} order by row_no)\n"
                f'from {quote(table)} where invoice_id in (select object_id from "~finding" '
                f'where "table" = {text_literal(table)})'
            )
    return Query("~position", 'create or replace temp table "~position" as\n' + "\nunion all\n".join(selects))


_LINES = """update "~finding" set line = near.line
from (
  select d.id, d.spot, arg_max(e.line, a.depth) as line
  from (select distinct object_id as id, spot, mapping from "~finding" join "~found_in" using (source)) d
    join "~around" a using (spot, mapping)
    join (
      select invoice_id, parent_path, min(line) as line from element
      where parent_path in (select path from "~around") and invoice_id in (select object_id from "~finding")
      group by all
    ) e on e.invoice_id = d.id and e.parent_path = a.path
  group by all
) near
where "~finding".object_id = near.id and "~finding".spot = near.spot"""

_OWN_LINES = """update "~finding" set line = p.line from element_place p
where p.invoice_id = "~finding".object_id and p.element_no = "~finding".element_no and p.line > 0"""

# The path of each element that a finding is on, from itself up: ``told`` with positions, ``plain`` without.
_UP = """create or replace temp table "~up" as
select distinct object_id as invoice_id, element_no as number, element_no as at, '' as told, '' as plain, '' as members
from "~finding" where element_no is not null"""

# Numbers of one element's content follow one another, so the place that begins last before a number holds it.
_UP_ONE = """create or replace temp table "~up" as
with held as (
  select u.*, p.element_no, p.shape, u.at - p.first_no as ordinal
  from "~up" u asof left join (
    select invoice_id, element_no, first_no, shape from element_place
    where invoice_id in (select invoice_id from "~up")
  ) p on p.invoice_id = u.invoice_id and u.at >= p.first_no
)
select h.invoice_id, h.number, case when h.at = 0 then 0 else coalesce(h.element_no, 0) end as at,
  case when h.at = 0 or s.name is null then told
    when s.count > 1 then concat('/', s.name, '[', h.ordinal - s.ordinal + 1, ']', told)
    else concat('/', s.name, told) end as told,
  case when h.at = 0 or s.name is null then plain else concat('/', s.name, plain) end as plain,
  case when h.at = 0 or s.name is null then members
    when s.count > 1 then concat('.', s.name, '[', h.ordinal - s.ordinal, ']', members)
    else concat('.', s.name, members) end as members
from held h asof left join (
  select shape, ordinal, name, count from element_shape where parent_ordinal is null and not starts_with(name, '@')
) s on s.shape = h.shape and h.ordinal >= s.ordinal"""

_REST = "coalesce(substr(f.path, length(coalesce(u.plain, '')) + 1), '')"
_FILLED = "s.template"
for _name, _value in {
    "{row-1}": "coalesce(p.position, f.row_no) - 1",
    "{row}": "coalesce(p.position, f.row_no)",
    "{line-1}": "f.line_row_no - 1",
    "{line}": "f.line_row_no",
    "{outer}": "p.part",
    "{path}": f"coalesce(u.told, '') || {_REST}",
    "{members}": f"coalesce(u.members, '') || replace({_REST}, '/', '.')",
}.items():
    _FILLED = f"replace({_FILLED}, '{_name}', coalesce(cast({_value} as varchar), ''))"

_PATHS = f"""create or replace temp table "~finding" as
select f.* replace ({_FILLED} as path)
from "~finding" f
  left join "~found_in" d using (source)
  left join "~up" u on u.invoice_id = f.object_id and u.number = f.element_no
  left join "~position" p on p.tab = f."table" and p.id = f.object_id and p.row_no = f.row_no
  left join "~spot" s on s.spot = f.spot and s.mapping = d.mapping and (s.block = 0 or s.block = p.part)"""
