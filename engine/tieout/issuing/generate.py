"""Billing lines -> e-invoices: composed, checked by the rules, written, read back, numbered; then put on record.

A fatal finding stops its own document only. ``issue`` fills ``issued_document`` and the folder of a run that is not sealed
yet; ``commit`` registers a sealed run's documents in the journal. Both may be killed at any point and run again: a
billing document keeps the number reserved for it, and a number is on record once, with one content.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import re
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tieout.issuing import compose, credit, findings, ground, proof
from tieout.issuing.compose import Profile
from tieout.issuing.origin import Origins
from tieout.model.definitions import Mapping
from tieout.model.errors import SourceError, StoreError
from tieout.model.records import Finding, Query
from tieout.store.engine import Store, quote
from tieout.store.journal import Journal
from tieout.store.register import (
    Issued,
    issue_documents,
    issued_documents,
    release_stale,
    reserve_numbers,
    runs,
)

__all__ = ["GATE", "Check", "commit", "creditor_reference", "issue"]

Check = Callable[[Dict[str, pl.DataFrame]], pl.DataFrame]
"""The findings of the packs an issued invoice must pass, over canonical tables that are not in the run."""

GATE = "issuing"
"""The pack of what an invoice needs of the master data, checked whatever else is."""
SPECIFICATION = "urn:cen.eu:en16931:2017"
SEPA_CREDIT_TRANSFER = "58"
# Invoices that the ERP has numbered itself are counted here; their numbers are the ERP's, and no two may be the same.
OF_THE_ERP = "(ERP)"


def issue(
    store: Store,
    *,
    mappings: Dict[str, Mapping],
    check: Check,
    journal: Journal,
    entity: Dict[str, str],
    settings: Dict[str, Any],
    folder: Path,
    as_of: dt.date,
    holder: str = "",
) -> None:
    """Generates the invoices of the run's billing lines.

    settings: ``issuing`` of the workspace. folder: where the documents are written; made where there is one to write.
    as_of: a document dated later waits for a later run. holder: who issues; of its numbers, what it reserved and did not
    issue is given back (only one process at a time may have that name; others may issue at the same time).
    Fills ``issued_document`` (every billing document: issued, invalid, waiting or unchanged), the canonical invoice tables (what
    was issued, now or by an earlier run), ``finding`` and ``exception`` (what was stopped, and by which rules). Where
    the journal has a run of the same day, its documents come again under their numbers, so that both runs are equal.
    Raises SourceError where the folder cannot be written.
    """
    if not store.count("billing_line"):
        return
    profile = _profile(mappings, entity, settings)
    _Issuing(store, mappings, check, journal, profile, settings, holder).issue(folder, as_of)


def commit(journal: Journal, store: Store, *, run_id: str) -> int:
    """Puts the documents of a sealed run on record and confirms their numbers; how many were new. Safe to repeat.

    A journal that was lost is filled again: the numbers are those the sealed run gave.
    Raises StoreError where a document is on record with another content or number.
    """
    rows = store.fetch(
        Query(
            "issued documents",
            "select series, number, invoice_number, billing_document, sha256, file, coalesce(currency, '') as currency, "
            "payment_id, paid_on "
            "from issued_document where status = 'issued' order by series, number",
        )
    ).to_dicts()
    amounts = credit.amounts_by_invoice(store) if rows else {}
    for row in rows:
        row["amounts"] = {name: format(amount, "f") for name, amount in amounts[row["file"]].items()}
    new = 0
    for series, group in itertools.groupby(rows, key=lambda row: str(row["series"])):
        documents = [Issued(**{key: value for key, value in row.items() if key != "series"}) for row in group]
        reserve_numbers(journal, series, [each.billing_document for each in documents], first=documents[0].number)
        new += issue_documents(journal, series, documents, run_id=run_id)
    return new


def creditor_reference(number: str) -> str | None:
    """The ISO 11649 reference made of an invoice number; None where it would be longer than 25 signs.

    Source: ISO 11649: the check digits are 98 less the remainder by 97 of the reference followed by RF00, letters as
    two digits from A = 10.
    """
    body = re.sub("[^A-Z0-9]", "", number.upper())
    if not body or len(body) > 21:
        return None
    digits = "".join(str(int(sign, 36)) for sign in f"{body}RF00")
    return f"RF{98 - int(digits) % 97:02d}{body}"


def _profile(mappings: Dict[str, Mapping], entity: Dict[str, str], settings: Dict[str, Any]) -> Profile:
    invoice = str(settings["profile"])
    beside = f"{invoice.rpartition('.')[0]}.credit_note"
    return Profile(
        entity=entity,
        invoice=invoice,
        credit_note=str(settings.get("credit_note_profile") or (beside if beside in mappings else invoice)),
        syntax=_syntax(mappings[invoice]),
        specification=str(settings.get("specification", SPECIFICATION)),
        business_process=settings.get("business_process"),
        payment_means=str(settings.get("payment_means", SEPA_CREDIT_TRANSFER)),
        fapiao_kind=str(settings.get("fapiao_kind", "02")),
        tells_time=any(field.column == "issue_time" for each in mappings[invoice].tables for field in each.fields),
    )


def _syntax(mapping: Mapping) -> str:
    """What the mapping says of itself in the column ``syntax``."""
    constants = (f.options.get("constant") for t in mapping.tables for f in t.fields if f.column == "syntax")
    return str(next((each for each in constants if each), mapping.id.partition(".")[0]))


class _Issuing:
    """The documents of one run on their way: what stops each, what it is called, what is written."""

    def __init__(
        self,
        store: Store,
        mappings: Dict[str, Mapping],
        check: Check,
        journal: Journal,
        profile: Profile,
        settings: Dict[str, Any],
        holder: str,
    ) -> None:
        self.store, self.mappings, self.check, self.journal = store, mappings, check, journal
        self.profile, self.holder = profile, holder
        self.series = str(settings["series"])
        self.digits = int(settings.get("digits", 5))
        self.start = int(settings.get("start", 1))

    def issue(self, folder: Path, as_of: dt.date) -> None:
        compose.prepare(self.store)
        documents = {row["billing_document"]: row for row in self.store.fetch(compose.documents(as_of)).to_dicts()}
        recorded = {row["billing_document"]: row for row in issued_documents(self.journal, [*documents])}
        read_by = Query("mappings of documents", "select document_id, mapping from document where mapping is not null")
        self.origins = Origins(self.mappings, dict(self.store.fetch(read_by).iter_rows()))
        later = [each for each in documents if each not in recorded and ground.waits(documents[each])]
        grounds = ground.find(self.store, self.journal, later, holder=self.holder)
        waiting = {each for each in later if each not in grounds}
        grounds |= ground.recorded(self.journal, [each for each in recorded if ground.waits(documents[each])])
        ground.put(self.store, grounds)
        candidates = [each for each in documents if each not in recorded and each not in waiting]
        found = self._judge(documents, candidates)
        stopped = {each.object_id for each in found if each.severity == "fatal"}
        passed = [each for each in candidates if each not in stopped]
        too_much = credit.judge(self.store, self.journal, documents, passed, holder=self.holder)
        found += too_much
        stopped |= {each.object_id for each in too_much}
        fresh = [each for each in candidates if each not in stopped]

        names = self._named(fresh, {each: documents[each]["invoice_number"] for each in fresh})
        names |= {
            each: self._name(row["series"], row["number"], row["invoice_number"]) for each, row in recorded.items()
        }
        tables = compose.rows(self.store, _frame_of(names), self.profile)
        written, unlike = self._proved(tables, {names[each].file for each in fresh})
        if unlike:
            raise StoreError(f"{min(unlike)}: {unlike[min(unlike)]}; no document was issued")
        hashes = {each: hashlib.sha256(written.get(name.file, b"")).hexdigest() for each, name in names.items()}
        changed = [each for each in recorded if hashes[each] != recorded[each]["sha256"]]
        # A run that is repeated for the same day gives the same documents again, not less than the first.
        days = {row["run_id"] for row in runs(self.journal) if str(row["as_of"]) == as_of.isoformat()}
        again = [each for each, row in recorded.items() if row["run_id"] in days and each not in changed]
        found = [
            findings.renamed(each, names[each.object_id].file) if each.object_id in names else each for each in found
        ]
        found += [findings.changed(documents[each], recorded[each]) for each in changed]

        _write(folder, {names[each].file: written[names[each].file] for each in (*fresh, *again)})
        aside = [names[each].file for each in changed]
        for name, frame in tables.items():
            self.store.append(name, frame.filter(~pl.col("invoice_id").is_in(aside)))
        status = (
            dict.fromkeys(stopped, "invalid")
            | dict.fromkeys(waiting, "waiting")
            | dict.fromkeys((*fresh, *again), "issued")
        )
        rows = [
            {
                "billing_document": each,
                "status": status.get(each, "unchanged"),
                "payment_id": grounds[each].payment_id if each in grounds else None,
                "paid_on": grounds[each].paid_on if each in grounds else None,
                "mapping": self.profile.credit_note if row["is_credit"] else self.profile.invoice,
                "currency": row["currency"],
                "amount": row["total"],
                **(names[each].row if each in names else {}),
                "sha256": recorded[each]["sha256"] if each in recorded else hashes.get(each),
            }
            for each, row in documents.items()
        ]
        self.store.append("issued_document", findings.frame("issued_document", rows))
        findings.append(self.store, found)
        self.store.append("exception", findings.frame("exception", findings.exceptions(documents, stopped, found)))
        for name in compose.WORKING_TABLES:
            self.store.execute(Query(f"drop {name}", f"drop table if exists {quote(name)}"))

    def _judge(self, documents: Dict[str, Dict[str, Any]], candidates: Sequence[str]) -> list[Finding]:
        """What is wrong with the documents, under their billing document; a document with a fatal one is stopped."""
        if not candidates:
            return []
        # The number is given last; until then the billing document's own stands in its place.
        names = {each: self._name("", 0, each) for each in candidates}
        tables = compose.rows(self.store, _frame_of(names), self.profile)
        by_file = {name.file: documents[each] for each, name in names.items()}
        lines = self.store.fetch(compose.conflicts()).to_dicts()
        found = [
            *(finding for each in candidates for finding in findings.of_document(documents[each], self.origins)),
            *filter(None, (findings.total_differs(documents[each]) for each in candidates)),
            *(findings.amount_differs(line) for line in lines if line["billing_document"] in names),
            *findings.by_rules(self.check(tables), by_file, self.origins),
        ]
        # A document that is stopped already may well not read back: the cause is told, not its consequence.
        stopped = {each.object_id for each in found if each.severity == "fatal"}
        _, unlike = self._proved(tables, {name.file for each, name in names.items() if each not in stopped})
        return [*found, *(findings.not_read_back(by_file[file], reason) for file, reason in unlike.items())]

    def _proved(self, tables: Dict[str, pl.DataFrame], wanted: set[str]) -> tuple[dict[str, bytes], dict[str, str]]:
        """Every document as bytes, and which of the wanted ones cannot be written or do not read back the same."""
        written, refused = proof.render(tables, self.mappings)
        unlike = proof.differences(tables, {each: written[each] for each in written if each in wanted}, self.mappings)
        return written, {each: reason for each, reason in (refused | unlike).items() if each in wanted}

    def _named(self, fresh: Sequence[str], own: Dict[str, str | None]) -> dict[str, _Name]:
        """What each document that passed is called: the number the ERP has given it, else the next of our series."""
        ours = [each for each in fresh if not own[each]]
        theirs = [each for each in fresh if own[each]]
        numbers = self._number(self.series, ours, first=self.start)
        places = self._number(OF_THE_ERP, theirs, first=1)
        names = {each: self._name(self.series, numbers[each], self._number_text(numbers[each])) for each in ours}
        return names | {each: self._name(OF_THE_ERP, places[each], str(own[each])) for each in theirs}

    def _number(self, series: str, fresh: Sequence[str], *, first: int) -> dict[str, int]:
        """A number for each document that passed; what a killed run reserved for others is given back first."""
        release_stale(self.journal, series, fresh, holder=self.holder, reason="its invoice was not issued")
        return reserve_numbers(self.journal, series, fresh, first=first, holder=self.holder) if fresh else {}

    def _name(self, series: str, number: int, text: str) -> _Name:
        return _Name(
            series, number, text, "json" if self.mappings[self.profile.invoice].format == "json_document" else "xml"
        )

    def _number_text(self, number: int) -> str:
        return f"{self.series}{number:0{self.digits}d}"


@dataclass(frozen=True, slots=True)
class _Name:
    """What a document is called: its number in its series, as text, and so its file and its payment reference."""

    series: str
    number: int
    text: str
    kind: str = "xml"

    @property
    def file(self) -> str:
        """The document's id in the run and its place in the run's folder."""
        return f"issued/{re.sub('[^A-Za-z0-9._-]', '_', self.text)}.{self.kind}"

    @property
    def row(self) -> dict[str, Any]:
        return {"invoice_number": self.text, "series": self.series, "number": self.number, "file": self.file}


def _frame_of(names: Dict[str, _Name]) -> pl.DataFrame:
    columns = ("billing_document", "invoice_id", "invoice_number", "remittance_information")
    rows = [(each, name.file, name.text, creditor_reference(name.text) or name.text) for each, name in names.items()]
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def _write(folder: Path, files: Dict[str, bytes]) -> None:
    try:
        for name, content in files.items():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / Path(name).name).write_bytes(content)
    except OSError as exc:
        raise SourceError(f"{folder}: the invoices could not be written: {exc.strerror or exc}") from exc
