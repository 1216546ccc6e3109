"""A month of receipts as a receivables department sees them, made columnar by a seed, with the truth beside it.

Every open item belongs to at most one payment; which kind of payment is drawn first, then the payment is written the way
payers and banks write it. ``truth`` is a table of the store: one row a (payment, item), none for payments that settle
nothing.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from benchmarks import wording
from tieout.model.records import Query
from tieout.store.engine import Limits, Store

__all__ = ["AS_OF", "SCENARIOS", "customers", "filled", "judged"]

AS_OF = dt.date(2026, 10, 31)

# The share of the open items that payments of each kind settle; ``list`` and ``sum`` take three items each. Payments of
# ``third`` come from somebody else, those of ``converted`` in another currency at the day's rate.
SCENARIOS = {
    "structured": 0.20,
    "text": 0.185,
    "list": 0.18,
    "broken": 0.04,
    "misread": 0.03,
    "shortened": 0.03,
    "sum": 0.09,
    "part": 0.03,
    "discount": 0.04,
    "fee": 0.03,
    "name": 0.05,
    "order": 0.02,
    "over": 0.01,
    "third": 0.01,
    "converted": 0.005,
}
# Payments that settle nothing; the weights add up to 1. A ``returned`` one has a twin, ``bounced``, that came in.
NOTHING = {"duplicate": 0.1, "other": 0.25, "stranger": 0.25, "cleared": 0.1, "out": 0.15, "own": 0.1, "returned": 0.05}


def _listed(values: str) -> str:
    return "[" + ", ".join("'" + value.replace("'", "''") + "'" for value in values.split("|")) + "]"


def _pick(values: str, draw: str) -> str:
    """The SQL of one of the alternatives, chosen by a draw between 0 and 1."""
    return f"({_listed(values)})[1 + floor({draw} * {len(values.split('|'))})::integer]"


def filled(rows: int, *, seed: int = 7, memory: str = "4GiB") -> Store:
    """A store with as many payments as open items, a twentieth as many customers, and the table ``truth``."""
    random = np.random.default_rng(seed)
    store = Store.create(limits=Limits(memory=memory))
    parties = max(rows // 20, 50)
    customers(store, random, parties)
    _items(store, random, rows, parties)
    _payments(store, random, rows)
    for name in ("b_party", "b_item", "b_unit", "b_paid", "b_named", "b_settling"):
        store.execute(Query(f"drop {name}", f"drop table if exists {name}"))
    return store


def _draws(random: np.random.Generator, rows: int, columns: int) -> pl.DataFrame:
    """Columns u0, u1 ... of numbers between 0 and 1, and n from 0."""
    return pl.DataFrame(
        {"n": np.arange(rows, dtype=np.int32)}
        | {f"u{c}": random.random(rows, dtype=np.float32).clip(0, 0.999999) for c in range(columns)}
    )


def _run(store: Store, name: str, sql: str) -> None:
    store.execute(Query(name, sql))


def customers(store: Store, random: np.random.Generator, parties: int) -> None:
    """``b_party``: one row a customer; a tenth Chinese, seven of ten with an account in the master data."""
    first, second, third = wording.SYLLABLES
    firsts, seconds, thirds = (len(part.split("|")) for part in wording.SYLLABLES)
    step = firsts * seconds
    # A stride without a common factor spreads the numbers over all spellings.
    spelt = f"(n::bigint * 48271 % {step * thirds})"
    brand = (
        f"({_listed(first)})[1 + {spelt} % {firsts}] || ({_listed(second)})[1 + {spelt} // {firsts} % {seconds}]"
        f" || ({_listed(third)})[1 + {spelt} // {step}]"
    )
    signs = _pick(wording.SIGNS, "u2") + " || " + _pick(wording.SIGNS, "u3")
    with store.registered(_draws(random, parties, 9)) as draws:
        _run(
            store,
            "made customers",
            f"""create table b_party as
            select n, printf('10%06d', n) as party_id, u0 < 0.1 as chinese,
              case when u0 < 0.1 then {_pick(wording.CITIES, "u1")} || {signs} || {_pick(wording.TRADES_CN, "u4")} || '有限公司'
                else {brand} || ' ' || {_pick(wording.TRADES, "u1")} || ' ' || {_pick(wording.FORMS, "u2")} end as name,
              case when u5 < 0.7 then true else false end as known,
              printf('DE%02d%08d%010d', 10 + n % 89, 37040044 + n % 97, n) as account,
              case when u0 < 0.1 then 'CNY' when u6 < 0.9 then 'EUR' when u6 < 0.95 then 'USD' else 'CHF' end as currency,
              case when u7 < 0.3 then 2 else 0 end as discount_percent, (u8 * 3)::integer as numbering
            from {draws} order by n""",
        )
    _run(
        store,
        "append customers",
        """insert into party (party_id, row_no, role, name, account, currency)
        select party_id, 1, 'customer', name, case when known then account end, currency from b_party order by n""",
    )
    _run(
        store,
        "append rates",
        """insert into exchange_rate (rate_date, base_currency, currency, rate)
        select date '2026-07-01' + d::integer, 'EUR', c.currency, c.rate + d % 7 * 0.001
        from generate_series(0, 130) s(d), (values ('USD', 1.08), ('CHF', 0.95), ('CNY', 7.8)) c(currency, rate)""",
    )
    _run(
        store,
        "append companies",
        """insert into company (company_code, row_no, name, account)
        values ('0500', 1, 'Nordlicht Werkzeuge GmbH', 'DE02120300000000202051')""",
    )


def _items(store: Store, random: np.random.Generator, rows: int, parties: int) -> None:
    """``b_item``: customers of very different size, three ways of numbering, one amount in thirty a standing one."""
    draws = _draws(random, rows, 7).with_columns(
        minor=pl.Series((np.exp(random.normal(11.0, 1.4, rows))).astype(np.int64) + 100),
    )
    rf = "printf('RF%02d', 98 - ((90000000 + d.n)::hugeint * 1000000 + 271500) % 97) || (90000000 + d.n)"
    with store.registered(draws) as view:
        _run(
            store,
            "made items",
            f"""create table b_item as
            with drawn as (select *, floor(u0 * u0 * {parties})::integer as party from {view})
            select d.n, p.n as party, p.party_id, p.name, p.currency, p.discount_percent,
              case p.numbering when 0 then printf('RE2026-%07d', d.n) when 1 then printf('9%09d', d.n)
                else printf('INV%08d', d.n) end as reference,
              case when d.u1 < 0.8 then {rf} end as creditor_reference,
              case when d.u2 < 0.7 then printf('PO-%07d', 1000000 + d.n // 2) end as order_reference,
              (case when d.u3 < 0.03 then (list_value(4990, 9900, 19900, 49900, 120000))[1 + d.n % 5] else d.minor end
                * case when d.u4 < 0.03 then -1 else 1 end)::bigint as minor,
              date '2026-07-01' + floor(d.u5 * 85)::integer as document_date, d.u6 as draw
            from drawn d join b_party p on p.n = d.party order by d.n""",
        )
    _run(
        store,
        "append items",
        """insert into open_item (open_item_id, ledger, company_code, document_type, party_id, party_name, document_date,
          due_date, reference, order_reference, creditor_reference, amount, open_amount, currency, discount_days,
          discount_percent)
        select printf('18%08d', n), 'receivable', '0500', case when minor > 0 then 'invoice' else 'credit_note' end,
          party_id, name, document_date, document_date + 30, reference, order_reference, creditor_reference,
          minor::decimal(18,4) * 0.01, minor::decimal(18,4) * 0.01, currency, case when discount_percent > 0 then 14 end,
          discount_percent
        from b_item order by n""",
    )
    _run(
        store,
        "append cleared items",
        f"""insert into cleared_item (cleared_item_id, ledger, company_code, party_id, party_name, document_date,
          reference, amount, open_amount, currency, clearing_date)
        select printf('17%08d', n), 'receivable', '0500', party_id, name, document_date - 100,
          printf('RE2025-%07d', n), 100 + n % 7919 * 0.37, 0, currency, document_date - 60
        from b_item where n % 10 = 0 and n < {rows} order by n""",
    )


def _payments(store: Store, random: np.random.Generator, rows: int) -> None:
    """``b_unit``: which items are paid together and how; then the payments and ``truth``."""
    total = 0.0
    cases = []
    for name, share in SCENARIOS.items():
        # Drawn for three items at a time; beyond the shares nobody pays.
        total += share
        cases.append(f"when {{draw}} < {total} then '{name}'")
    drawn = f"case {' '.join(cases)} end"
    _run(
        store,
        "made units",
        f"""create table b_unit as
        with placed as (
          select *, row_number() over (partition by party order by n) - 1 as place,
            count(*) over (partition by party) as items from b_item
        ),
        chunks as (
          select *, place // 3 as chunk, first_value(draw) over (partition by party, place // 3 order by place) as head,
            count(*) over (partition by party, place // 3) as size,
            sum(minor) over (partition by party, place // 3) as chunk_sum from placed
        ),
        whole as (select *, {drawn.format(draw="head")} as together, {drawn.format(draw="draw")} as alone from chunks),
        kinds as (
          select *, case
            when size = 3 and chunk_sum > 0 and together in ('list', 'sum') then together
            when alone is null or minor < 0 then null
            when alone in ('list', 'sum') then 'text'
            when alone = 'structured' and creditor_reference is null then 'text'
            when alone = 'discount' and discount_percent = 0 then 'text'
            when alone = 'converted' and currency <> 'EUR' then 'text'
            when alone = 'order' and order_reference is null then 'text'
            else alone end as kind
          from whole
        )
        select *, case when kind in ('list', 'sum') then party * 1000000::bigint + chunk else -n - 1 end as unit
        from kinds where kind is not null and not (coalesce(together, '') in ('list', 'sum') and size = 3
          and chunk_sum > 0 and kind not in ('list', 'sum'))""",
    )
    _run(
        store,
        "made payments that settle",
        """create table b_paid as
        select unit, any_value(kind) as kind, any_value(party) as party, sum(minor) as minor, min(n) as item,
          list(reference order by n) as refs, any_value(creditor_reference) as rf, any_value(order_reference) as po,
          max(document_date) as document_date, any_value(currency) as currency
        from b_unit group by unit order by unit""",
    )
    settling = int(store.scalar(Query("payments that settle", "select count(*) from b_paid")))
    _extend(store, random, rows - settling)
    _write(store, random)
    _run(
        store,
        "truth",
        """create table truth as
        select s.payment_id, printf('18%08d', u.n) as open_item_id, s.kind,
          case when s.kind in ('part', 'discount', 'fee', 'converted') then s.minor else u.minor end::decimal(18,4) * 0.01
            as amount
        from b_settling s join b_unit u using (unit) order by 1, 2""",
    )
    _run(store, "kinds", "create table kind as select payment_id, kind from b_settling order by 1")


def _extend(store: Store, random: np.random.Generator, rest: int) -> None:
    """Appends the payments that settle nothing: unit is null but of duplicates, which name what another pays."""
    cases, total = [], 0.0
    for name, weight in NOTHING.items():
        total += weight
        cases.append(f"when u0 < {total:.4f} then '{name}'")
    rest = max(int(rest / (1 + NOTHING["returned"])), 0)
    draws = _draws(random, rest, 3).with_columns(
        minor=pl.Series((np.exp(random.normal(10.5, 1.5, rest))).astype(np.int64) + 100)
    )
    with store.registered(draws) as view:
        _run(
            store,
            "made payments that settle nothing",
            f"""insert into b_paid
            with drawn as (select *, case {" ".join(cases)} else 'stranger' end as kind from {view}),
            kinds as (
              select * from drawn union all select * replace ('bounced' as kind) from drawn where kind = 'returned'
            ),
            texts as (select *, row_number() over (order by unit) - 1 as place from b_paid where kind = 'text'),
            many as (select count(*) as texts from texts),
            parties as (select count(*) as parties from b_party),
            olds as (select *, row_number() over (order by cleared_item_id) - 1 as place from cleared_item),
            old as (select count(*) as olds from olds)
            select null, k.kind,
              case when k.kind = 'duplicate' then t.party
                when k.kind = 'cleared' then c.party_id::integer - 10000000
                when k.kind in ('other', 'stranger', 'own') then null else floor(k.u1 * parties)::integer end,
              case when k.kind = 'duplicate' then t.minor when k.kind = 'cleared' then (c.amount * 100)::bigint
                when k.kind in ('out', 'returned') then -k.minor else k.minor end,
              null, case when k.kind = 'duplicate' then t.refs when k.kind = 'cleared' then [c.reference] else [] end,
              null, null, case when k.kind = 'duplicate' then t.document_date else date '2026-08-15' end,
              coalesce(t.currency, c.currency, 'EUR')
            from kinds k cross join many cross join parties cross join old
            left join texts t on k.kind = 'duplicate' and t.place = floor(k.u1 * texts)::bigint
            left join olds c on k.kind = 'cleared' and c.place = floor(k.u1 * olds)::bigint
            order by k.n, k.kind""",
        )


def _write(store: Store, random: np.random.Generator) -> None:
    """Writes ``payment`` the way payers and banks do, and ``b_settling``: the payments with their unit."""
    count = int(store.scalar(Query("payments", "select count(*) from b_paid")))
    slip = "left({x}, {p}) || substr({x}, {p} + 2, 1) || substr({x}, {p} + 1, 1) || substr({x}, {p} + 3)"
    with store.registered(_draws(random, count, 9)) as view:
        _run(
            store,
            "wording",
            f"""create table b_named as
            with numbered as (select *, row_number() over (order by unit nulls last, kind, minor, refs) - 1 as n from b_paid),
            drawn as (
              select b.*, d.* exclude (n), p.name, p.account, p.chinese, p.party_id,
                b.refs[1] as one,
                case when d.u0 < 0.55 then array_to_string(b.refs, ', ')
                  -- the first in full, of the others the last digits; or one of the three left out
                  when d.u0 < 0.6 then b.refs[1] || '/' || right(b.refs[2], 4) || '/' || right(b.refs[3], 4)
                  when d.u0 < 0.65 then b.refs[1] || ', ' || b.refs[3] when d.u0 < 0.8 then array_to_string(b.refs, ' ')
                  when d.u0 < 0.9 then array_to_string(b.refs, '/') else array_to_string(b.refs, ' + ') end as many
              from numbered b join {view} d using (n) left join b_party p on p.n = b.party
            ),
            quoted as (
              select *, case kind
                when 'list' then many
                when 'broken' then left(one, 5) || case when u1 < 0.5 then ' ' else chr(10) end || substr(one, 6)
                when 'misread' then case when u1 < 0.5 then replace(one, '0', 'O')
                  else {slip.format(x="one", p="(length(one) - 2)")} end
                when 'shortened' then ltrim(regexp_extract(one, '[0-9]+$'), '0')
                when 'order' then po else one end as said,
                case kind
                  when 'list' then {_pick(wording.LIST, "u2")} when 'sum' then {_pick(wording.SILENT, "u2")}
                  when 'name' then {_pick(wording.SILENT, "u2")} when 'structured' then ''
                  when 'other' then {_pick(wording.OTHER, "u2")} when 'stranger' then {_pick(wording.STRANGE, "u2")}
                  when 'order' then 'Bestellung {{r}}' when 'own' then 'Umbuchung' when 'out' then 'Supplier {{k}}'
                  when 'returned' then 'RETURN AC04 ACCOUNT CLOSED' when 'bounced' then {_pick(wording.SILENT, "u2")}
                  when 'part' then 'Teilzahlung ' || {_pick(wording.SINGLE, "u2")}
                  when 'discount' then case when u3 < 0.5 then 'abzgl. 2% Skonto ' else '' end || {_pick(wording.SINGLE, "u2")}
                  else {_pick(wording.SINGLE, "u2")} end as form
              from drawn
            )
            select *, 'P' || printf('%08d', n) as payment_id,
              document_date + case kind when 'discount' then 3 + floor(u4 * 9)::integer
                when 'duplicate' then 45 when 'returned' then 20 when 'converted' then 20 else 12 + floor(u4 * 25)::integer end as booking_date,
              case kind when 'part' then floor(minor * (0.2 + 0.6 * u5))::bigint
                when 'discount' then minor - round(minor * 0.02)::bigint
                when 'fee' then greatest(minor - (500 + 50 * floor(u5 * 30)::bigint), minor // 2)
                when 'over' then minor + 100 * (1 + floor(u5 * 500)::bigint)
                when 'converted' then round(minor * (1.08 + (document_date + 20 - date '2026-07-01') % 7 * 0.001))::bigint
                else minor end as paid,
              replace(replace(replace(form, '{{r}}', coalesce(said, '')), '{{d}}', strftime(document_date, '%d.%m.%Y')),
                '{{k}}', coalesce(party_id, (20000 + n % 70000)::varchar)) as remittance,
              case
                when kind in ('other', 'stranger') then
                  case when kind = 'other' then 'Sparkasse am Markt' else 'Kunde ' || {_pick(wording.SYLLABLES[0], "u6")} || n % 99991 end
                when kind = 'third' then 'Treuhand ' || {_pick(wording.SYLLABLES[0], "u8")} || ' ' || n % 991
                when kind = 'own' then 'Nordlicht Werkzeuge GmbH'
                when chinese then name
                when u6 < 0.5 then name when u6 < 0.65 then upper(name)
                when u6 < 0.8 then regexp_replace(name, ' (GmbH.*|AG|Ltd|S\\.A\\.|SARL|B\\.V\\.|s\\.r\\.o\\.|Sp\\..*|AB|Inc\\.|S\\.p\\.A\\.)$', '')
                when u6 < 0.9 then left(name, 27)
                else {slip.format(x="name", p="3")} end as payer,
              case when kind = 'own' then 'DE02120300000000202051' when kind = 'other' then null
                when kind in ('stranger', 'third') then printf('FR76%022d', n)
                when u7 < 0.8 and kind <> 'name' then account end as payer_account
            from quoted""",
        )
    _run(
        store,
        "append payments",
        """insert into payment (payment_id, account, amount, currency, credit_debit_indicator, status, booking_date,
          value_date, counterparty_name, counterparty_account, remittance, creditor_reference, end_to_end_id, is_return)
        select payment_id, 'DE02120300000000202051', paid::decimal(18,4) * 0.01,
          case when kind = 'converted' then 'USD' else currency end,
          case when paid > 0 then 'CRDT' else 'DBIT' end, 'BOOK', booking_date, booking_date, payer, payer_account,
          nullif(remittance, ''), case when kind = 'structured' then rf end,
          case when kind in ('bounced', 'returned') then 'RT' || party || '/' || abs(minor)
            when n % 3 = 0 then 'E2E' || n end, kind = 'returned'
        from b_named order by payment_id""",
    )
    _run(
        store,
        "payments and units",
        "create table b_settling as select payment_id, kind, unit, paid as minor from b_named",
    )


def judged(store: Store) -> pl.DataFrame:
    """How the allocations agree with ``truth``: one row a kind of payment, and ``all``.

    Columns: kind, payments, matchable, right (settles exactly its items with exactly
    their money), links, wrong (links not in the truth),
    guessed (payments that settle nothing and were given something).
    """
    return store.fetch(
        Query(
            "judged",
            """with given as (
              select payment_id, open_item_id, sum(amount) as money from allocation
              where status = 'accepted' and kind in ('payment', 'credit_note') group by all
            ),
            links as (
              select payment_id, count(*) filter (where t.payment_id is not null and g.payment_id is not null) as hits,
                count(*) filter (where t.amount = g.money) as exact, count(g.payment_id) as links,
                count(t.payment_id) as wanted
              from given g full join truth t using (payment_id, open_item_id) group by payment_id
            ),
            each as (
              select k.kind, coalesce(l.hits, 0) as hits, coalesce(l.exact, 0) as exact, coalesce(l.links, 0) as links,
                coalesce(l.wanted, 0) as wanted
              from kind k left join links l using (payment_id)
            )
            select coalesce(kind, 'all') as kind, count(*) as payments, count(*) filter (where wanted > 0) as matchable,
              count(*) filter (where wanted > 0 and exact = wanted and links = wanted) as "right",
              sum(links)::bigint as links, sum(links - hits)::bigint as wrong,
              count(*) filter (where wanted = 0 and links > 0) as guessed
            from each group by rollup (kind) order by kind = 'all', kind""",
        )
    )
