"""The banks' files: camt.053 in two versions, MT940 in two dialects, a German and a Chinese CSV."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from itertools import groupby
from xml.sax.saxutils import escape

from making.ledger import money
from making.people import SELLER, SELLER_CN, Account
from making.story import Payment
from making.words import swift, western

_CAMT = {"M1": "camt.053.001.02", "M2": "camt.053.001.08", "M6": "camt.053.001.08"}


def files(payments: list[Payment], accounts: dict[str, Account]) -> dict[str, bytes]:
    """Every statement by path. A week's statement opens with the balance at which the one before closed."""
    made: dict[str, bytes] = {}
    for key, account in accounts.items():
        mine = [payment for payment in payments if payment.account == key]
        if key == "M5":
            made[f"bank/{key}_2026-10.csv"] = _german_csv(account, mine).encode("cp1252")
        elif key == "C1":
            made[f"bank/{key}_2026-10.csv"] = _chinese_csv(account, mine).encode("gb18030")
        else:
            balance = account.opening
            for number, (week, entries) in enumerate(_weeks(mine), start=1):
                name = f"bank/{key}_2026-{week}"
                if key in _CAMT:
                    made[f"{name}.xml"] = _camt(account, _CAMT[key], number, balance, entries).encode()
                else:
                    made[f"{name}.sta"] = _mt940(account, number, balance, entries).encode("ascii")
                balance += sum(payment.amount for payment in entries)
    return made


def _weeks(payments: Iterable[Payment]) -> Iterator[tuple[int, list[Payment]]]:
    for week, entries in groupby(payments, key=lambda payment: payment.date.isocalendar().week):
        yield week, list(entries)


# --- camt.053 ---


def _element(name: str, value: str) -> str:
    return f"<{name}>{escape(value)}</{name}>" if value else ""


def _camt(account: Account, version: str, number: int, opening: int, entries: list[Payment]) -> str:
    first, last = entries[0].date, entries[-1].date
    made = f"{last}T20:05:00"
    closing = opening + sum(payment.amount for payment in entries)
    new = version.endswith(".08")
    rows = "".join(_entry(group, account.currency, new=new) for group in _batches(entries, batches=not new))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{version}">\n<BkToCstmrStmt>\n'
        f"<GrpHdr><MsgId>{account.key}-2026-{number:03d}</MsgId><CreDtTm>{made}</CreDtTm></GrpHdr>\n"
        f"<Stmt><Id>{account.key}-{number}</Id><ElctrncSeqNb>{number}</ElctrncSeqNb><CreDtTm>{made}</CreDtTm>\n"
        f"<Acct><Id><IBAN>{account.number}</IBAN></Id><Ccy>{account.currency}</Ccy>"
        f"<Ownr>{_element('Nm', SELLER)}</Ownr><Svcr><FinInstnId>{_element('Nm', account.bank)}</FinInstnId></Svcr></Acct>\n"
        f"{_balance('OPBD', opening, account.currency, first)}\n{_balance('CLBD', closing, account.currency, last)}\n"
        f"{rows}</Stmt>\n</BkToCstmrStmt>\n</Document>\n"
    )


def _balance(kind: str, value: int, currency: str, day: dt.date) -> str:
    side = "DBIT" if value < 0 else "CRDT"
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy="{currency}">{money(abs(value))}</Amt>'
        f"<CdtDbtInd>{side}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
    )


def _batches(entries: list[Payment], *, batches: bool) -> Iterator[list[Payment]]:
    """Entries as booked: on the first day with five or more credits, two of them come as one batch entry."""
    days = {day: [p for p in group if p.amount > 0] for day, group in groupby(entries, key=lambda p: p.date)}
    batch = next((credits[1:3] for credits in days.values() if len(credits) >= 5), []) if batches else []
    for payment in entries:
        if not batch or payment not in batch:
            yield [payment]
        elif payment is batch[0]:
            yield batch


def _entry(group: list[Payment], currency: str, *, new: bool) -> str:
    first = group[0]
    total = sum(payment.amount for payment in group)
    side = "DBIT" if total < 0 else "CRDT"
    family, sub = ("RCDT", "ESCT") if total > 0 else ("ICDT", "RRTN") if first.returns else ("ICDT", "ESCT")
    reference = first.id if len(group) == 1 else f"BATCH{first.id}"
    batch = f"<Btch><NbOfTxs>{len(group)}</NbOfTxs></Btch>" if len(group) > 1 else ""
    details = "".join(_transaction(payment, currency, new=new, alone=len(group) == 1) for payment in group)
    return (
        f'<Ntry><Amt Ccy="{currency}">{money(abs(total))}</Amt><CdtDbtInd>{side}</CdtDbtInd>'
        f"{'<RvslInd>true</RvslInd>' if first.returns else ''}"
        f"<Sts>{'<Cd>BOOK</Cd>' if new else 'BOOK'}</Sts><BookgDt><Dt>{first.date}</Dt></BookgDt>"
        f"<ValDt><Dt>{first.date}</Dt></ValDt><AcctSvcrRef>{reference}</AcctSvcrRef>"
        f"<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>{sub}</SubFmlyCd></Fmly></Domn></BkTxCd>"
        f"<NtryDtls>{batch}{details}</NtryDtls></Ntry>\n"
    )


def _transaction(payment: Payment, currency: str, *, new: bool, alone: bool) -> str:
    side = "DBIT" if payment.amount < 0 else "CRDT"
    amount = f'<Amt Ccy="{currency}">{money(abs(payment.amount))}</Amt>'
    if new:
        amounts = f"{amount}<CdtDbtInd>{side}</CdtDbtInd>"
    else:
        amounts = "" if alone else f"<AmtDtls><TxAmt>{amount}</TxAmt></AmtDtls>"
    charges = (
        f'<Chrgs><Rcrd><Amt Ccy="{currency}">{money(payment.fee)}</Amt><CdtDbtInd>DBIT</CdtDbtInd></Rcrd></Chrgs>'
        if payment.fee
        else ""
    )
    remittance = _element("Ustrd", payment.text)
    if payment.reference:
        kind = "<Issr>BBA</Issr>" if payment.reference.startswith("+") else ""
        remittance += (
            f"<Strd><CdtrRefInf><Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry>{kind}</Tp>"
            f"<Ref>{payment.reference.strip('+').replace('/', '')}</Ref></CdtrRefInf></Strd>"
        )
    returned = "<RtrInf><Rsn><Cd>MS03</Cd></Rsn></RtrInf>" if payment.returns else ""
    return (
        f"<TxDtls><Refs><AcctSvcrRef>{payment.id}</AcctSvcrRef>"
        f"<EndToEndId>{payment.end_to_end or 'NOTPROVIDED'}</EndToEndId></Refs>{amounts}{charges}"
        f"{_parties(payment, new=new)}{f'<RmtInf>{remittance}</RmtInf>' if remittance else ''}{returned}</TxDtls>"
    )


def _parties(payment: Payment, *, new: bool) -> str:
    role = "Cdtr" if payment.amount < 0 else "Dbtr"
    name = _element("Nm", payment.name)
    party = f"<{role}>{f'<Pty>{name}</Pty>' if new else name}</{role}>" if name else ""
    number = payment.number
    kind = f"<IBAN>{number}</IBAN>" if number[:2].isalpha() else f"<Othr><Id>{number}</Id></Othr>"
    account = f"<{role}Acct><Id>{kind}</Id></{role}Acct>" if number else ""
    return f"<RltdPties>{party}{account}</RltdPties>" if party or account else ""


# --- MT940 ---


def _mt940(account: Account, number: int, opening: int, entries: list[Payment]) -> str:
    german = account.key == "M3"
    holder = f"{account.number[4:12]}/{account.number[12:]}" if german else account.number
    closing = opening + sum(payment.amount for payment in entries)
    lines = [
        ":20:STARTUMSE" if german else f":20:940S{entries[-1].date:%y%m%d}",
        f":25:{holder}",
        f":28C:{number:05d}/001",
        _mt940_balance("60F", opening, account.currency, entries[0].date),
    ]
    for payment in entries:
        mark = "RC" if payment.returns else "D" if payment.amount < 0 else "C"
        kind = "NRTI" if payment.returns else "NTRF"
        amount = money(abs(payment.amount)).replace(".", ",")
        reference = (payment.end_to_end or "NONREF")[:16]
        lines.append(f":61:{payment.date:%y%m%d%m%d}{mark}{amount}{kind}{reference}//{payment.id}")
        lines += _wrapped(":86:" + (_subfields(payment) if german else _codes(payment)))
    lines += [_mt940_balance("62F", closing, account.currency, entries[-1].date), "-", ""]
    return "\r\n".join(lines)


def _mt940_balance(tag: str, value: int, currency: str, day: dt.date) -> str:
    amount = money(abs(value)).replace(".", ",")
    return f":{tag}:{'D' if value < 0 else 'C'}{day:%y%m%d}{currency}{amount}"


def _wrapped(text: str) -> list[str]:
    return [text[start : start + 65] for start in range(0, len(text), 65)]


def _text(payment: Payment) -> str:
    fee = f"/CHGS/EUR{money(payment.fee).replace('.', ',')}/" if payment.fee else ""
    return swift(payment.text) + fee


def _subfields(payment: Payment) -> str:
    """German structured text: purpose in ?20..?29, bank, account and name in ?30..?33, 27 signs each."""
    code, words = ("166", "GUTSCHR. UEBERWEISUNG") if payment.amount > 0 else ("116", "UEBERWEISUNG")
    purpose = _chunks(f"SVWZ+{_text(payment)}")
    if payment.end_to_end:
        purpose.insert(0, f"EREF+{payment.end_to_end}")
    fields = [f"?{20 + position}{chunk}" for position, chunk in enumerate(purpose[:10])]
    if payment.number:
        bank = payment.number[4:12] if payment.number.startswith("DE") else "XXXXXXXX"
        fields += [f"?30{bank}", f"?31{payment.number}"]
    fields += [f"?{32 + position}{chunk}" for position, chunk in enumerate(_chunks(swift(payment.name))[:2])]
    return f"{code}?00{words}?10{payment.id[-4:]}" + "".join(fields)


def _chunks(text: str) -> list[str]:
    """The text in pieces of at most 27 signs, none of which ends in a blank (line ends lose them)."""
    pieces = []
    while text:
        cut = min(27, len(text))
        while cut > 1 and text[cut - 1] == " ":
            cut -= 1
        pieces.append(text[:cut])
        text = text[cut:]
    return pieces


def _codes(payment: Payment) -> str:
    party = "ORDP" if payment.amount > 0 else "BENM"
    reference = f"/EREF/{payment.end_to_end}" if payment.end_to_end else ""
    name = f"//NAME/{swift(payment.name)}" if payment.name else "//NAME/"
    number = f"/ACCT/{payment.number}" if payment.number else ""
    return f"{reference}/{party}{name}{number}/REMI/USTD//{_text(payment)}"


# --- CSV ---


def _german_csv(account: Account, entries: list[Payment]) -> str:
    headings = [
        "Auftragskonto",
        "Buchungstag",
        "Valutadatum",
        "Buchungstext",
        "Verwendungszweck",
        "Kundenreferenz (End-to-End)",
        "Beguenstigter/Zahlungspflichtiger",
        "Kontonummer/IBAN",
        "BIC",
        "Betrag",
        "Waehrung",
        "Bankreferenz",
        "Info",
    ]
    rows = [headings]
    for payment in entries:
        day = f"{payment.date:%d.%m.%y}"
        rows.append(
            [
                account.number,
                day,
                day,
                "GUTSCHR. UEBERWEISUNG" if payment.amount > 0 else "ONLINE-UEBERWEISUNG",
                western(payment.text),
                payment.end_to_end or "NOTPROVIDED",
                western(payment.name),
                payment.number,
                "",
                _german(payment.amount),
                account.currency,
                payment.id,
                "Umsatz gebucht",
            ]
        )
    return "".join(";".join(f'"{value}"' for value in row) + "\r\n" for row in rows)


def _german(value: int) -> str:
    whole, _, rest = money(abs(value)).partition(".")
    return f"{'-' if value < 0 else ''}{int(whole):,}".replace(",", ".") + f",{rest}"


def _chinese_csv(account: Account, entries: list[Payment]) -> str:
    headings = "账号,户名,交易日,借方发生额（支取）,贷方发生额（收入）,余额,币种,对方户名,对方账号,用途,备注,账户明细编号-交易流水号"
    lines, balance = [headings], account.opening
    for payment in entries:
        balance += payment.amount
        spent, received = (payment.amount, 0) if payment.amount < 0 else (0, payment.amount)
        cells = (
            account.number,
            SELLER_CN,
            f"{payment.date:%Y%m%d}",
            _thousands(-spent),
            _thousands(received),
            _thousands(balance),
            "人民币元",
            payment.name,
            payment.number,
            payment.text,
            "",
            payment.id,
        )
        lines.append(",".join(f'"{cell}"' if "," in cell else cell for cell in cells))
    return "\r\n".join(lines) + "\r\n"


def _thousands(value: int) -> str:
    return f"{value // 100:,}.{value % 100:02d}"
