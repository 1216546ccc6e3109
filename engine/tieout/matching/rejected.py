"""Pairs that a person rejected for good (``match_rejected``: pno, ino), kept out of what passes read."""

from __future__ import annotations

from tieout.matching.ledger import Ledger

__all__ = ["forget_rejected"]


def forget_rejected(ledger: Ledger, table: str) -> None:
    """Drops the rejected pairs from a working table with pno and ino."""
    ledger.run(
        "rejected pairs out",
        f"delete from {table} t using match_rejected r where t.pno = r.pno and t.ino = r.ino",
    )
