"""What the books of suppliers need most: invoices entered twice, credit notes paid back, payees with another account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tieout.matching import text
from tieout.matching.ledger import Ledger

__all__ = ["duplicates", "payee_account", "refunds"]

# Items of one supplier, currency and amount beyond this number are a habit (rent, flat rates), no sign of anything.
MOST_ALIKE = 200


def duplicates(ledger: Ledger, name: str, options: Mapping[str, Any]) -> None:
    """Flags open items that are there already, open or cleared: ``duplicate_document``, related to the first.

    The same number (letters and digits, lookalikes folded) and amount of one supplier is the same invoice: the later
    one takes no part in matching. Items posted on one day with different due dates are instalments. The same number
    with another date and amount ``number_days`` apart at most, or a number that only looks alike (a prefix or zeros
    dropped, two signs swapped, one missing) with the same amount ``alike_days`` apart at most, is shown to a person.
    A supplier is known by tax identifier, so that two accounts of one supplier are one.
    """
    ledger.run(
        f"{name}: invoices of the suppliers",
        f"""create or replace temp table match_invoice as
        with taxed as (
          select party_id, min({text.compact("tax_identifier")}) as tax from match_master group by party_id
        ),
        items as (
          select open_item_id as id, true as is_open, party_id, party_tax_identifier, reference,
            coalesce(amount, open_amount) as amount, currency, company_code, document_date, posting_date, due_date
          from open_item where open_item_id in (select open_item_id from match_item)
          union all
          select cleared_item_id, false, party_id, party_tax_identifier, reference, amount, currency, company_code,
            document_date, posting_date, due_date
          from cleared_item where cleared_item_id in (select open_item_id from match_cleared)
        )
        select i.*, coalesce({text.compact("i.party_tax_identifier")}, t.tax, i.party_id) as supplier,
          {text.compact("i.reference")} as number,
          {text.folded(text.without_zeros(text.compact("i.reference")))} as folded,
          ltrim({text.digits(text.compact("i.reference"))}, '0') as digits,
          row_number() over (order by i.is_open, coalesce(i.posting_date, i.document_date) nulls last, i.id) as place
        from items i left join taxed t using (party_id)
        where i.reference is not null""",
    )
    ledger.run(
        f"{name}: pairs",
        f"""create or replace temp table match_twin as
        with same as (
          select b.id, a.id as first, a.number as first_number, b.number, a.amount as first_amount, b.amount, b.currency,
            a.amount = b.amount as certain, case when a.amount = b.amount then 'same number and amount'
              else 'same number, another amount' end as how, a.place
          from match_invoice a join match_invoice b
            on a.supplier = b.supplier and a.folded = b.folded and a.currency = b.currency and a.place < b.place
            and a.company_code is not distinct from b.company_code
          where b.is_open and length(a.folded) > 0 and sign(a.amount) = sign(b.amount)
            and coalesce(abs(a.document_date - b.document_date) <= $number_days, true)
            and case when a.amount = b.amount
              then not coalesce(a.posting_date = b.posting_date and a.due_date <> b.due_date, false)
              else a.document_date <> b.document_date end
        ),
        kept as (
          select * from match_invoice
          qualify count(*) over (partition by supplier, currency, amount) <= {MOST_ALIKE}
        ),
        alike as (
          select b.id, a.id, a.number, b.number, a.amount, b.amount, b.currency, false, 'a number that looks alike', a.place
          from kept a join kept b
            on a.supplier = b.supplier and a.currency = b.currency and a.amount = b.amount and a.place < b.place
            and a.company_code is not distinct from b.company_code
          where b.is_open and a.folded <> b.folded
            and abs(a.document_date - b.document_date) <= $alike_days
            and length(a.digits) >= 4 and length(b.digits) >= 4
            and (a.digits = b.digits or (length(a.digits) <> length(b.digits)
                  and (ends_with(a.digits, b.digits) or ends_with(b.digits, a.digits)
                    or damerau_levenshtein(a.folded, b.folded) = 1))
              or (length(a.folded) = length(b.folded) and damerau_levenshtein(a.folded, b.folded) = 1
                and list_sort(string_split(a.folded, '')) = list_sort(string_split(b.folded, ''))))
        )
        select * from (select * from same union all select * from alike)
        qualify row_number() over (partition by id order by certain desc, how desc, place) = 1""",
        number_days=int(options.get("number_days", 330)),
        alike_days=int(options.get("alike_days", 7)),
    )
    ledger.flag_items(
        name,
        """select id as open_item_id, 'duplicate_document' as reason, first as related,
          concat(how, ' as ', first, ' (', first_number, ')') as message,
          json_object('says', 'entered_twice', 'first', first, 'number', number, 'first_number', first_number, 'amount', amount, 'first_amount', first_amount,
            'how', how) as evidence
        from match_twin""",
    )
    ledger.run(
        f"{name}: set aside",
        "delete from match_item where open_item_id in (select id from match_twin where certain)",
    )


def refunds(ledger: Ledger, name: str, _options: Mapping[str, Any]) -> None:
    """Money in the other direction that pays credit notes back: those it names, else the only one of its amount that
    the other side has, unless the other ledger has an open item of the amount, too."""
    ledger.accept(
        name,
        f"""with back as (select * from match_payment where held is null and rest < 0),
        named as (
          select distinct h.pno, h.ino, i.rest, b.rest as paid, 'reference' as ground, 1.0::double as score
          from match_mention h join back b using (pno) join match_item i using (ino)
          where h.one and h.choices = 1 and i.rest < 0 and i.currency = b.currency
        ),
        owed as (
          select b.pno, i.ino, i.rest, b.rest as paid, min(y.ground) as ground, 0.95::double as score
          from back b join match_payer y using (pno)
          join match_item i on i.party_id = y.party_id and i.currency = b.currency and i.rest = b.rest
          where y.tier <= 2 and b.pno not in (select pno from named)
            and (b.pno, i.ino) not in (select pno, ino from match_rejected)
            and coalesce(i.company_code = b.company_code, true)
            and coalesce(i.document_date <= b.booking_date, true)
            and (i.currency, -i.rest) not in (
              select currency, open_amount from open_item
              where coalesce(ledger, '{ledger.untold}') <> '{ledger.ledger}' and currency is not null and open_amount > 0)
          group by b.pno, i.ino, i.rest, b.rest
          qualify count(*) over (partition by b.pno) = 1
        ),
        fits as (
          (select * from named qualify sum(rest) over (partition by pno) = paid)
          union all select * from owed
        ),
        contested as (select ino from fits group by ino having count(distinct pno) > 1),
        once as (select pno from fits group by pno having bool_and(ino not in (select ino from contested)))
        select f.pno, f.ino, 'credit_note' as kind, f.rest as amount, f.rest as item_amount, f.score,
          json_object('ground', f.ground, 'amount', f.rest) as evidence
        from fits f semi join once using (pno)""",
    )


def payee_account(ledger: Ledger, name: str, _options: Mapping[str, Any]) -> None:
    """Notes payments that went to an account the master data of the supplier do not have: ``account_differs``.

    Suppliers without any account there are not judged. Accounts of a head office and of an alternative payee count; a
    national number counts where it ends the IBAN.
    """
    ledger.flag(
        name,
        f"""with paid as (
          select a.pno, i.party_id, p.account_key, p.amount, c.counterparty_account, p.payment_id
          from match_allocation a join match_payment p using (pno) join match_item i using (ino)
          join payment c using (payment_id)
          where a.status = 'accepted' and p.account_key is not null and p.amount > 0
          group by a.pno, i.party_id, p.account_key, p.amount, c.counterparty_account, p.payment_id
        ),
        known as (
          select party_id, {text.account("account")} as account_key from match_master where account is not null
          union
          select m.party_id, {text.account("o.account")} from match_master m join match_master o
            on o.party_id in (m.head_office_id, m.alternative_payer_id) where o.account is not null
        ),
        judged as (
          select p.pno, p.party_id, p.amount, p.counterparty_account, list(k.account_key order by k.account_key) as known,
            bool_or(k.account_key = p.account_key
              or (length(k.account_key) >= 6 and ends_with(p.account_key, k.account_key))
              or (length(p.account_key) >= 6 and ends_with(k.account_key, p.account_key))) as right
          from paid p join known k using (party_id) group by p.pno, p.party_id, p.amount, p.counterparty_account
        )
        select pno, 'account_differs' as reason, null as related, party_id, amount,
          'paid to an account that is not among those of the supplier' as message,
          json_object('says', 'payee_account', 'account', counterparty_account, 'known', known) as evidence
        from judged where not "right"
        qualify row_number() over (partition by pno order by party_id) = 1""",
        hold=False,
    )
