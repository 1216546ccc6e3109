"""Which accounts the master data have had since when: carried from run to run, so that a changed account is seen.

A change shows only between two versions of the master data; each run compares with the run before and hands on what it knows.
"""

from __future__ import annotations

import datetime as dt

from tieout.model.records import Query
from tieout.store.engine import Store

__all__ = ["remember_accounts"]


def remember_accounts(store: Store, before: Store | None, *, before_as_of: dt.date | None, as_of: dt.date) -> None:
    """Fills ``party_account`` from ``party`` and the run before.

    An account of a partner that the run before knew with other accounts is new: it may have come on any day after that
    run. What a partner had from the first run on, or came with as a new partner, has no such day. An account that is gone
    from the master data is kept, marked; that of a partner who is absent from them altogether is left as it was.
    """
    known = before is not None and "party_account" in before.tables()
    store.put("account_before", (before if known and before else store).table("party_account"))
    store.execute(Query("accounts of partners", _REMEMBER, {"day_after": _next(before_as_of), "as_of": as_of}))
    store.execute(Query("drop account_before", "drop table account_before"))


def _next(day: dt.date | None) -> dt.date | None:
    return None if day is None else day + dt.timedelta(days=1)


_REMEMBER = """
insert into party_account
with now as (
  select party_id, regexp_replace(upper(account), '[^A-Z0-9]', '', 'g') as account
  from party where party_id is not null and account is not null
  group by all having account <> ''
),
present as (select distinct party_id from party),
known as (select distinct party_id from account_before)
select coalesce(n.party_id, b.party_id) as party_id, coalesce(n.account, b.account) as account,
  case when b.party_id is not null then b.new_from when k.party_id is not null then $day_after end as new_from,
  case when b.party_id is not null then b.seen_on when k.party_id is not null then $as_of end as seen_on,
  n.party_id is not null or (b.is_current and p.party_id is null) as is_current
from now n
full join account_before b on b.party_id = n.party_id and b.account = n.account
left join known k on k.party_id = n.party_id
left join present p on p.party_id = b.party_id
order by party_id, account
"""
