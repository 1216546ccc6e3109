"""What payers write: phrases by country, references spoilt as people spoil them, and the alphabets of old formats."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from making.ledger import Item

_PHRASES = {
    "DE": ("Rechnung {r}", "RNr. {r} vom {d}", "Ihre Rechnung {r}", "RE {r} Kd.-Nr. {c}", "{r}"),
    "AT": ("Rechnung {r}", "Re-Nr {r}"),
    "CH": ("Rechnung {r}", "Facture {r}"),
    "NL": ("factuur {r}", "betaling factuur {r} / {c}"),
    "BE": ("facture {r}", "factuur {r}"),
    "FR": ("Règlement facture {r}", "facture {r} du {d}"),
    "IT": ("saldo fattura {r}", "fatt. {r}"),
    "ES": ("Pago factura {r}", "Factura {r}"),
    "SE": ("Betalning faktura {r}",),
    "DK": ("Betaling af faktura {r}",),
    "NO": ("Betaling faktura {r}",),
    "PL": ("Zapłata za fakturę {r}",),
    "GB": ("Payment of invoice {r}", "Inv {r}"),
    "US": ("Payment of invoice {r}", "Inv no. {r}"),
    "CN": ("货款，发票号码{r}", "支付发票{r}"),
}
_CREDIT = {"DE": "abzgl. Gutschrift", "AT": "minus GS", "FR": "moins avoir", "BE": "moins avoir"}

# What the SWIFT alphabet has instead of a letter.
_SWIFT = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "Ä": "Ae",
        "Ö": "Oe",
        "Ü": "Ue",
        "ß": "ss",
        "ø": "oe",
        "Ø": "Oe",
        "æ": "ae",
        "Æ": "Ae",
        "å": "aa",
        "Å": "Aa",
        "ł": "l",
        "Ł": "L",
        "ı": "i",
        "&": "+",
    }
)


def phrase(
    rng: random.Random,
    items: Sequence[Item],
    spoil: Callable[[random.Random, str], str] | None = None,
    credit: Item | None = None,
) -> str:
    """A remittance text in the language of the payer that quotes the items."""
    first = items[0]
    quoted = [spoil(rng, item.reference) if spoil else item.reference for item in items]
    separator = "，" if first.customer.country == "CN" else rng.choice((", ", " / ", " + ", " "))
    text = rng.choice(_PHRASES[first.customer.country]).format(
        r=separator.join(quoted), d=f"{first.date:%d.%m.%y}", c=first.customer.number.lstrip("0")
    )
    if credit:
        text += f" {_CREDIT.get(first.customer.country, 'less credit note')} {credit.reference}"
    return text


def noisy(rng: random.Random, reference: str) -> str:
    """The reference with a blank in it, another separator, or a letter O for a zero."""
    choice = rng.randrange(3)
    if choice == 0:
        return f"{reference[:-3]} {reference[-3:]}"
    if choice == 1 and "-" in reference:
        return reference.replace("-", rng.choice(("/", " ", ".")))
    head, tail = reference[:3], reference[3:]
    return head + tail.replace("0", "O", 1) if "0" in tail else f"{reference[:4]} {reference[4:]}"


def shortened(_: random.Random, reference: str) -> str:
    """The reference without what a clerk leaves out: leading zeros, the series, or (China) all but the last digits."""
    if len(reference) == 20:
        return reference[-8:]
    return reference.removeprefix("EX-26-").lstrip("0") if reference.startswith("EX") else reference.lstrip("0")


def swift(text: str) -> str:
    """The text in letters that MT940 files carry."""
    plain = unicodedata.normalize("NFKD", text.translate(_SWIFT))
    return "".join(sign for sign in plain if ord(sign) < 128)


def western(text: str) -> str:
    """The text in letters that code page 1252 has; others lose their accent."""
    return "".join(
        sign if sign.encode("cp1252", "ignore") else swift(sign) for sign in unicodedata.normalize("NFC", text)
    )
