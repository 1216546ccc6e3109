"""Which plan serves the rows at hand: rules that no row can break are left out, and what was compiled is kept."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Iterable
from functools import lru_cache

from tieout.model.definitions import Rule, RuleSet
from tieout.model.records import Query
from tieout.store.engine import Store
from tieout.validation.compile import Compiler, applies, read_as_written
from tieout.validation.known import known
from tieout.validation.outcomes import NULLS, Known, Outcomes, breakable, columns_read, tables_summed
from tieout.validation.program import Plan
from tieout.validation.rows import lineage

__all__ = ["Planner"]

_KEPT = 32
"""For so many different states of its columns it is kept whether a rule can be broken."""


class _Packs(tuple[RuleSet, ...]):
    """Rule packs that are the same where they are the same objects: their content need not be compared."""

    def __hash__(self) -> int:
        return hash(tuple(map(id, self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Packs) and len(self) == len(other) and all(map(operator.is_, self, other))


class Planner:
    """Makes plans of rule packs for the rows of one store."""

    def __init__(
        self, store: Store, rule_sets: Iterable[RuleSet], as_of: dt.date, *, everywhere: bool, invoices: bool = False
    ) -> None:
        """everywhere: each pack judges every invoice; invoices: only invoices and what is below them is judged."""
        self._packs = _Packs(rule_sets if everywhere else _applying(store, rule_sets))
        rows = store.filled()
        self._tables = {name for name in rows if not invoices or "invoice" in lineage(name)}
        self._as_of, self._everywhere = as_of, everywhere
        self._texts = _texts(store, self._packs)
        self._sieve = _sieve(self._packs, everywhere)
        self._known = Known(known(store, self._sieve.asked, rows), rows, self._texts)

    def plan(self, careful: frozenset[str] | None) -> Plan:
        """The plan of the rules that some row can break.

        careful: the rules that some row cannot be put into, None for all: see ``Compiler``.
        """
        compiler = _compiler(self._packs, self._as_of, self._everywhere, careful, self._texts)
        return compiler.plan(self._left_out)

    def _left_out(self, pack: RuleSet, rule: Rule) -> bool:
        if rule.table not in self._tables:
            return True
        return not self._sieve.breakable(pack, rule, self._known)


class _Sieve:
    """Tells which rules some row can break, and keeps it for other rows of whose columns the same is known."""

    def __init__(self, packs: _Packs, *, everywhere: bool) -> None:
        self._everywhere = everywhere
        self._read: dict[int, tuple[tuple[tuple[str, str], ...], tuple[str, ...]]] = {}
        self._found: dict[int, dict[object, bool]] = {}
        self.asked: dict[tuple[str, str], int] = {}
        """The columns that the rules read, and what of them can decide something."""
        for rule in (rule for pack in packs for rule in pack.rules if rule.kind == "condition"):
            read = columns_read((rule.when, rule.check))
            self._read[id(rule)] = tuple(read), tables_summed((rule.when, rule.check))
            for column, what in read.items():
                self.asked[column] = max(self.asked.get(column, NULLS), what)

    def breakable(self, pack: RuleSet, rule: Rule, known: Known) -> bool:
        if rule.kind != "condition":
            return True
        read, summed = self._read[id(rule)]
        state = (
            *((known.columns.get(column), column in known.written) for column in read),
            *(table in known.rows for table in summed),
        )
        found = self._found.setdefault(id(rule), {})
        if state not in found:
            if len(found) >= _KEPT:
                found.clear()
            found[state] = breakable(rule, self.outcomes(pack, rule.table, known))
        return found[state]

    def outcomes(self, pack: RuleSet, table: str, known: Known) -> Outcomes:
        """What conditions on the rows of the table can come to."""
        # A row without its invoice is judged by no pack that is for some invoices only.
        certain = {table, "invoice"} if pack.applies and not self._everywhere else {table}
        return Outcomes(known, certain, pack.code_lists)


@lru_cache(maxsize=8)
def _sieve(packs: _Packs, everywhere: bool) -> _Sieve:
    return _Sieve(packs, everywhere=everywhere)


@lru_cache(maxsize=8)
def _compiler(
    packs: _Packs,
    as_of: dt.date,
    everywhere: bool,
    careful: frozenset[str] | None,
    texts: frozenset[tuple[str, str]],
) -> Compiler:
    """The rules written so far, kept for the next chunk of documents."""
    return Compiler(packs, as_of=as_of, everywhere=everywhere, careful=careful, texts=texts)


def _applying(store: Store, rule_sets: Iterable[RuleSet]) -> list[RuleSet]:
    """The packs without those that are for no invoice that is there, and judge nothing else."""
    packs = list(rule_sets)
    only = [each for each in packs if each.applies and all("invoice" in lineage(rule.table) for rule in each.rules)]
    if not only:
        return packs
    counts = ", ".join(f"count_if({applies(each)}) as n{n}" for n, each in enumerate(only))
    found = store.first(Query("packs for the invoices", f"select {counts} from invoice"))
    idle = {id(each) for each, count in zip(only, found.values(), strict=True) if not count}
    return [each for each in packs if id(each) not in idle]


_TEXTS: set[tuple[str, str]] = set()
"""The columns of which texts as written were met in this process: a plan for more of them serves fewer as well."""


def _texts(store: Store, packs: _Packs) -> frozenset[tuple[str, str]]:
    """The columns of which a rule reads the text as written where some document has one."""
    listed = store.fetch(Query("texts as written", "select distinct table_name, column_name from as_written"))
    _TEXTS.update(_asked(packs).intersection(listed.iter_rows()))
    return frozenset(_TEXTS)


@lru_cache(maxsize=8)
def _asked(packs: _Packs) -> frozenset[tuple[str, str]]:
    return read_as_written(packs)
