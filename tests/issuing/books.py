"""A small seller with three customers and lines to invoice; the shipped mappings; a journal in a file."""

import datetime as dt
from pathlib import Path

import polars as pl

from tieout.issuing import generate
from tieout.mapping.carried import typed
from tieout.store.engine import Store
from tieout.store.journal import Journal
from tieout.store.register import register_run

ENTITY = {
    "name": "Nordlicht Papier GmbH",
    "vat": "DE115356904",
    "address_line_1": "Musterweg 1",
    "post_code": "12345",
    "city": "Musterstadt",
    "country": "DE",
    "account": "DE24546157627320730231",
}
SETTINGS = {"profile": "ubl.invoice", "series": "NW-2026-"}
AS_OF = dt.date(2026, 10, 31)
NEXT_DAY = dt.date(2026, 11, 1)

PARTIES = (
    {"party_id": "100", "row_no": "1", "name": "Kontor Eichenhain GmbH", "country": "DE", "city": "Rostock"},
    {"party_id": "100", "row_no": "2", "name": "Kontor Eichenhain GmbH", "country": "DE", "account": "DE02"},
    {"party_id": "200", "row_no": "1", "name": "Bureau Clair SAS", "country": "FR", "tax_identifier": "FR61954506077"},
    {"party_id": "300", "row_no": "1", "name": "Neukunde ohne Land"},
)


def line(document="9001", number=10, **more):
    """One billing line: two notebooks at 3.50, 19 % VAT, for a German customer."""
    return {
        "billing_document": document,
        "billing_line_no": str(number),
        "billing_kind": "invoice",
        "issue_date": "2026-10-30",
        "delivery_date": "2026-10-29",
        "due_date": "2026-11-29",
        "currency": "EUR",
        "party_id": "100",
        "item_name": "Notizbuch A5",
        "quantity": "2",
        "unit_code": "C62",
        "net_price": "3.50",
        "vat_category_code": "S",
        "vat_rate": "19",
        "source": "billing/lines.csv",
        "line": str(number),
        **more,
    }


def frame(rows):
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pl.DataFrame(
        {name: [row.get(name) for row in rows] for name in names}, schema=dict.fromkeys(names, pl.String)
    )


def no_country(tables):
    """A check with one rule, as the run would give: a buyer has a country."""
    offenders = tables["invoice"].filter(pl.col("buyer_country_code").is_null())["invoice_id"]
    rows = [
        {
            "finding_no": "1",
            "rule": "BR-11",
            "severity": "fatal",
            "table": "invoice",
            "object_id": each,
            "message": "no country",
        }
        for each in offenders
    ]
    return typed("finding", frame(rows) if rows else pl.DataFrame())


class Books:
    """A journal, a folder and the means to run the stage on some billing lines as one run."""

    def __init__(self, folder: Path, mappings) -> None:
        self.folder, self.mappings = folder, dict(mappings)
        self.journal = Journal.open(f"sqlite:///{folder / 'journal.db'}")
        self.runs = 0
        self.holder = "here"
        self.written = folder

    def issue(
        self, *lines, check=no_country, parties=PARTIES, documents=(), ledger=None, as_of=AS_OF, **settings
    ) -> Store:
        """The store of a run that has issued what it could; its files are in ``written``."""
        self.runs += 1
        self.written = self.folder / f"run{self.runs}" / "issued"
        store = Store.create()
        if lines:
            store.append("billing_line", frame(lines))
        store.append("party", frame(parties))
        for name, rows in {"document": documents, **(ledger or {})}.items():
            if rows:
                store.append(name, frame(rows))
        generate.issue(
            store,
            mappings=self.mappings,
            check=check,
            journal=self.journal,
            entity=ENTITY,
            settings={**SETTINGS, **settings},
            folder=self.written,
            as_of=as_of,
            holder=self.holder,
        )
        return store

    def commit(self, store: Store, *, as_of: dt.date = AS_OF) -> int:
        """As the run does after its seal: the documents, then the run itself."""
        run_id = f"run{self.runs}"
        new = generate.commit(self.journal, store, run_id=run_id)
        register_run(self.journal, run_id=run_id, as_of=as_of, manifest_sha256="0" * 64)
        return new


def issued(store: Store) -> dict:
    """Billing document -> (invoice number, status)."""
    rows = store.table("issued_document").select("billing_document", "invoice_number", "status").rows()
    return {document: (number, status) for document, number, status in rows}
