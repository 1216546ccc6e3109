"""ISO 4217 minor units, rounding and tolerance. Amounts are Decimal; a float is refused.

Rounding is half away from zero, which EN 16931 and commercial practice want (Python calls it ROUND_HALF_UP).
Source of the minor units: ISO 4217 list one; every currency not named here has two.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

__all__ = ["MINOR_UNITS", "decimals_of", "display", "minor_units", "round_half_up", "to_minor"]

MINOR_UNITS = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    **dict.fromkeys(["CLF", "UYW"], 4),
}


def minor_units(currency: str | None) -> int:
    """The number of decimals of the currency; 2 where it is unknown or absent."""
    return MINOR_UNITS.get(currency or "", 2)


def round_half_up(amount: Decimal, currency: str | None) -> Decimal:
    """The amount in whole minor units of the currency, halves away from zero."""
    return amount.quantize(Decimal(1).scaleb(-minor_units(currency)), rounding=ROUND_HALF_UP)


def to_minor(amount: Decimal, currency: str | None) -> int:
    """The amount in minor units (cents, yen); raises ValueError where it is not a whole number of them."""
    scaled = amount.scaleb(minor_units(currency))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} {currency} has more than {minor_units(currency)} decimals")
    return int(scaled)


def decimals_of(amount: Decimal) -> int:
    """The number of decimals that carry a digit other than a trailing zero."""
    exponent = amount.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def display(amount: Decimal | None, currency: str | None = None) -> str:
    """The amount as a person reads it: the currency's decimals, more only where digits would be lost."""
    if amount is None:
        return ""
    return f"{amount:,.{max(minor_units(currency), decimals_of(amount))}f}"
