"""The open payments and items of one reconciliation: working tables of the store, and the only writer to them.

``match_payment`` and ``match_item`` hold what is still open of each; ``match_allocation`` and ``match_flag`` what the
passes decided. Numbers (``pno``, ``ino``) follow the keys, so nothing depends on the order in which rows came in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import polars as pl

from tieout.matching import text
from tieout.model.errors import ControlTotalError
from tieout.model.records import Query
from tieout.store.engine import Store

__all__ = ["MONEY_KINDS", "Ledger", "grouped"]

MONEY_KINDS = ("payment", "credit_note")

# Reasons that only say that nothing was found: a later plan may find something.
UNEXPLAINED = ("unmatched_payment", "payment_on_account", "unidentified_payer", "invalid_reference")
TABLES = (
    "match_payment",
    "match_item",
    "match_cleared",
    "match_allocation",
    "match_flag",
    "match_candidate",
    "match_accepted",
)

# The fields in which payers quote references, in the order in which the plan may name them.
TEXT_FIELDS = ("creditor_reference", "remittance", "end_to_end_id", "instruction_id", "original_payment_reference")


def grouped(frame: pl.DataFrame, *keys: str) -> Iterator[list[dict[str, Any]]]:
    """The rows that follow one another with the same keys, as lists: a frame a group would cost more than its rows."""
    for _, rows in groupby(frame.iter_rows(named=True), key=itemgetter(*keys)):
        yield list(rows)


@dataclass
class Ledger:
    """What a pass reads and how it hands in its decisions."""

    store: Store
    ledger: str = "receivable"
    """The side of the books: receivable or payable."""
    untold: str = "receivable"
    """The side of an item that does not say it."""
    later: bool = False
    """Whether a plan for the other side comes after this one."""

    @property
    def sign(self) -> int:
        """What makes money that settles this ledger's items positive: -1 for payables."""
        return -1 if self.ledger == "payable" else 1

    @property
    def foreign(self) -> str:
        """The reason of a payment that settles nothing of this ledger by its nature."""
        return f"not_{self.ledger}"

    @property
    def ours(self) -> str:
        """The condition of a payment that this plan may call foreign: what goes the other way a later plan judges."""
        return "held is null and rest > 0" if self.later else "held is null"

    def run(self, name: str, sql: str, **parameters: Any) -> None:
        """Runs a statement on the working tables."""
        self.store.execute(Query(f"matching: {name}", sql, parameters))

    def rows(self, name: str, sql: str, **parameters: Any) -> pl.DataFrame:
        """The rows of a query on the working tables."""
        return self.store.fetch(Query(f"matching: {name}", sql, parameters))

    def put(self, name: str, frame: pl.DataFrame) -> None:
        """Makes a working table of the frame."""
        with self.store.registered(frame) as view:
            self.run(f"put {name}", f"create or replace temp table {name} as select * from {view}")

    def count(self, name: str, sql: str, **parameters: Any) -> int:
        """The number a query counts."""
        return int(self.store.scalar(Query(f"matching: {name}", sql, parameters)) or 0)

    # --- set up ---

    def open(self) -> None:
        """Fills the working tables from the canonical ones."""
        self.run(
            "accounts of our own",
            f"""create or replace temp table match_own as
            select distinct {text.account("account")} as account_key, company_code
            from company where account is not null""",
        )
        self.run(
            "decided by an earlier plan",
            """create or replace temp table match_before as
            select object_id as payment_id, min(reason) as reason, bool_and(reason in $open) as open
            from exception where "table" = 'payment' group by object_id""",
            open=list(UNEXPLAINED),
        )
        amount = f"{self.sign} * (p.amount - coalesce(d.used, 0))"
        self.run(
            "what people decided",
            """create or replace temp table match_decided as
            select payment_id, open_item_id,
              sum(amount) filter (where allocation_kind in ('payment', 'credit_note') or open_item_id is null) as used,
              sum(open_item_amount) as item_used
            from decision where status = 'applied' and kind <> 'reject' group by payment_id, open_item_id""",
        )
        self.run(
            "open payments",
            f"""create or replace temp table match_payment as
            select
              row_number() over (order by p.payment_id)::integer as pno,
              p.payment_id, {amount} as amount, {amount} as rest, p.currency, p.booking_date, p.counterparty_name,
              {text.account("p.counterparty_account")} as account_key,
              {text.plain("p.remittance")} as remittance,
              {text.plain("p.transaction_text")} as transaction_text,
              o.company_code, null::varchar as held, b.reason as before
            from payment p left join match_before b using (payment_id)
            left join (
              select payment_id, sum(used) as used from match_decided group by payment_id
            ) d using (payment_id)
            left join (
              select account_key, any_value(company_code) as company_code from match_own
              group by account_key having count(distinct company_code) = 1
            ) o on o.account_key = {text.account("p.account")}
            where coalesce(p.status, 'BOOK') = 'BOOK' and p.amount <> coalesce(d.used, 0) and p.currency is not null
              and coalesce(b.open, true)
              and p.payment_id not in (select payment_id from allocation where status = 'accepted' and pass <> 'decision')
            order by pno""",
        )
        self.run(
            "open items",
            """create or replace temp table match_item as
            select
              row_number() over (order by open_item_id)::integer as ino,
              open_item_id, party_id, company_code, coalesce(amount, open_amount) as original,
              open_amount - coalesce(d.used, 0) as amount, open_amount - coalesce(d.used, 0) as rest, currency,
              coalesce(document_date, posting_date) as document_date, due_date,
              coalesce(discount_days, 0) as discount_days, coalesce(discount_percent, 0) as discount_percent
            from open_item
            left join (
              select open_item_id, sum(item_used) as used from match_decided group by open_item_id
            ) d using (open_item_id)
            where open_amount <> coalesce(d.used, 0) and currency is not null and coalesce(ledger, $untold) = $ledger
            order by ino""",
            ledger=self.ledger,
            untold=self.untold,
        )
        self.run(
            "candidates that people rejected",
            """create or replace temp table match_rejected as
            select distinct p.pno, i.ino from decision d
            join match_payment p using (payment_id) join match_item i using (open_item_id)
            where d.kind = 'reject' and d.status = 'applied'""",
        )
        self.run(
            "sizes of the parties",
            """create or replace temp table match_size as
            select party_id, currency, count(*) as items from match_item where party_id is not null group by all""",
        )
        self.run(
            "telling amounts",
            """create or replace temp table match_rare as
            select currency, amount from match_item group by all having count(*) <= 200""",
        )
        self.run(
            "cleared items",
            """create or replace temp table match_cleared as
            select
              -row_number() over (order by cleared_item_id)::integer as ino,
              cleared_item_id as open_item_id, party_id, company_code, amount, currency, clearing_date
            from cleared_item
            where coalesce(ledger, $untold) = $ledger
            order by ino desc""",
            ledger=self.ledger,
            untold=self.untold,
        )
        role = "supplier" if self.ledger == "payable" else "customer"
        self.run(
            "master data of this side",
            f"create or replace temp view match_master as select * from party where coalesce(role, '{role}') = '{role}'",
        )
        self.run(
            "open items of this side",
            f"""create or replace temp view match_book as
            select * from open_item where coalesce(ledger, '{self.untold}') = '{self.ledger}'""",
        )
        self.run(
            "allocations",
            """create or replace temp table match_allocation (
              pno integer, ino integer, kind varchar, amount decimal(18,4), item_amount decimal(18,4),
              pass varchar, score decimal(9,6), evidence varchar, status varchar)""",
        )
        self.run(
            "flags",
            """create or replace temp table match_flag (
              pno integer, reason varchar, related varchar, party_id varchar, amount decimal(18,4),
              message varchar, evidence varchar, pass varchar)""",
        )
        self.run("rejected pairs", "create temp table if not exists match_rejected (pno integer, ino integer)")
        self.run(
            "flags of items",
            """create or replace temp table match_item_flag (
              open_item_id varchar, reason varchar, related varchar, message varchar, evidence varchar, pass varchar)""",
        )
        self.run(
            "candidates",
            """create or replace temp table match_candidate (
              pno integer, ino integer, solution integer, amount decimal(18,4), score decimal(9,6),
              failed varchar, evidence varchar, pass varchar)""",
        )

    def close(self) -> None:
        """Drops the working tables."""
        names = self.rows(
            "working tables", "select table_name from duckdb_tables() where table_name like 'match\\_%' escape '\\'"
        )
        for name in ("match_book", "match_master"):
            self.run("drop", f"drop view if exists {name}")
        for name in sorted(names["table_name"].to_list()):
            self.run("drop", f"drop table {name}")

    # --- decisions ---

    def accept(self, name: str, sql: str, **parameters: Any) -> int:
        """Books the allocations that ``sql`` selects and returns their number; none of a payment with a rejected item.

        sql: rows (pno, ino, kind, amount, item_amount, score, evidence); amount in the payment's currency,
            item_amount in the item's, both with the sign of what they settle.
        """
        self.run(
            f"{name}: decide",
            f"""create or replace temp table match_accepted as
            select pno::integer as pno, ino::integer as ino, kind, amount::decimal(18,4) as amount,
              item_amount::decimal(18,4) as item_amount, score::decimal(9,6) as score, evidence
            from ({self._unless_rejected(sql)})""",
            **parameters,
        )
        found = self.count(f"{name}: count", "select count(*) from match_accepted")
        if not found:
            return 0
        self.run(
            f"{name}: book",
            """insert into match_allocation
            select pno, ino, kind, amount, item_amount, $pass, score, evidence, 'accepted' from match_accepted""",
            **{"pass": name},
        )
        self._moved(name, "match_accepted", "-", "'allocated'")
        return found

    @staticmethod
    def _unless_rejected(sql: str) -> str:
        return (
            f"with wanted as ({sql}) select * from wanted "
            "where pno not in (select w.pno from wanted w join match_rejected r on r.pno = w.pno and r.ino = w.ino)"
        )

    def release(self, name: str, sql: str) -> None:
        """Takes back all that was accepted for the payments (pno) that ``sql`` selects: a better claim may have it."""
        self.run(
            f"{name}: take back",
            f"""create or replace temp table match_released as
            select pno, ino, kind, amount, item_amount from match_allocation
            where status = 'accepted' and pno in ({sql})""",
        )
        self._moved(name, "match_released", "+", "null")
        self.run(
            f"{name}: forget",
            """delete from match_allocation
            where status = 'accepted' and pno in (select pno from match_released)""",
        )

    def _moved(self, name: str, allocations: str, sign: str, held: str) -> None:
        """What is open of items and payments after the allocations were booked (-) or taken back (+)."""
        self.run(
            f"{name}: items",
            f"""update match_item set rest = rest {sign} moved.amount
            from (select ino, sum(item_amount) as amount from {allocations} group by ino) moved
            where match_item.ino = moved.ino""",
        )
        self.run(
            f"{name}: payments",
            f"""update match_payment set rest = rest {sign} moved.amount, held = {held}
            from (
              select pno, coalesce(sum(amount) filter (where kind in ('payment', 'credit_note')), 0) as amount
              from {allocations} group by pno
            ) moved
            where match_payment.pno = moved.pno""",
        )

    def propose(self, name: str, sql: str, **parameters: Any) -> None:
        """Keeps allocations for a person to confirm: they use no money and close nothing."""
        self.run(
            f"{name}: propose",
            f"""insert into match_allocation
            select pno::integer, ino::integer, kind, amount, item_amount, '{name}', score, evidence, 'proposed'
            from ({self._unless_rejected(sql)})""",
            **parameters,
        )

    def flag(self, name: str, sql: str, *, hold: bool, **parameters: Any) -> int:
        """Notes a reason for each payment ``sql`` selects; held payments take part in no later pass.

        sql: rows (pno, reason, related, party_id, amount, message, evidence), one row a payment.
        """
        self.run(
            f"{name}: flags",
            f"""create or replace temp table match_accepted as
            select pno::integer as pno, reason, related, party_id, amount, message, evidence from ({sql})""",
            **parameters,
        )
        found = self.count(f"{name}: count", "select count(*) from match_accepted")
        if found:
            self.run(
                f"{name}: note",
                "insert into match_flag select *, $pass from match_accepted",
                **{"pass": name},
            )
        if found and hold:
            self.run(
                f"{name}: hold",
                """update match_payment set held = a.reason from match_accepted a
                where match_payment.pno = a.pno and match_payment.held is null""",
            )
        return found

    def flag_items(self, name: str, sql: str) -> None:
        """Notes a reason for each open item ``sql`` selects: rows (open_item_id, reason, related, message, evidence)."""
        self.run(
            f"{name}: flags",
            f"insert into match_item_flag select open_item_id, reason, related, message, evidence, '{name}' from ({sql})",
        )

    def pass_on(self) -> None:
        """Holds money of the other direction that a later plan will look at, or that an earlier one gave its reason."""
        if self.later:
            self.run("left to a later plan", "update match_payment set held = 'later' where held is null and rest < 0")
        else:
            self.run(
                "told by an earlier plan",
                "update match_payment set held = 'before' where held is null and rest < 0 and before is not null",
            )

    def show(self, name: str, sql: str, **parameters: Any) -> None:
        """Keeps candidates that a person should see.

        sql: rows (pno, ino, solution, amount, score, failed, evidence).
        """
        self.run(
            f"{name}: candidates",
            f"insert into match_candidate select *, '{name}' from ({sql})",
            **parameters,
        )

    # --- proof ---

    def prove(self) -> None:
        """Raises ControlTotalError where a payment or an item does not balance, or a sign is wrong."""
        faults = {
            "payment: allocated and unallocated are not what was paid": """
                select p.payment_id as id from match_payment p
                left join (
                  select pno, sum(amount) filter (where kind in ('payment', 'credit_note')) as used
                  from match_allocation where status = 'accepted' group by pno
                ) a using (pno)
                where p.amount <> p.rest + coalesce(a.used, 0)
                   or sign(p.rest) not in (0, sign(p.amount)) or abs(p.rest) > abs(p.amount)""",
            "open_item: allocated more than was open": """
                select i.open_item_id as id from match_item i
                left join (
                  select ino, sum(item_amount) as used from match_allocation where status = 'accepted' group by ino
                ) a using (ino)
                where i.amount <> i.rest + coalesce(a.used, 0)
                   or sign(i.rest) not in (0, sign(i.amount)) or abs(i.rest) > abs(i.amount)""",
            "allocation: a sign is wrong": """
                select p.payment_id as id from match_allocation a
                join match_item i using (ino) join match_payment p using (pno)
                where a.kind not in ('fx', 'rounding') and (sign(a.item_amount) <> sign(i.amount) or sign(a.amount) <> sign(i.amount))""",
        }
        for fault, sql in faults.items():
            rows = self.rows(f"prove {fault}", f"select distinct id from ({sql}) order by id limit 5")
            if rows.height:
                raise ControlTotalError(f"{fault}: {', '.join(map(str, rows['id'].to_list()))}")
