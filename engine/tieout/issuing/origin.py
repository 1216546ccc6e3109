"""Where the ERP keeps what an invoice says: the field behind a business term, under the ERP's own name.

The mapping of a source knows it: the heading or path its column is read from. So who must mend master data is told which
field of which customer, not which term of a standard.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from dataclasses import dataclass
from typing import Any

from tieout.model.canon import CANON
from tieout.model.definitions import Field, Mapping

__all__ = ["Origin", "Origins"]

_BUYER = {
    "BT-44": "name",
    "BT-45": "trading_name",
    "BT-46": "party_id",
    "BT-48": "tax_identifier",
    "BT-49": "electronic_address",
    "BT-52": "city",
    "BT-53": "post_code",
    "BT-55": "country",
}
_SELLER = {
    "BT-27": "name",
    "BT-30": "legal_registration",
    "BT-31": "vat",
    "BT-34": "electronic_address",
    "BT-35": "address_line_1",
    "BT-37": "city",
    "BT-38": "post_code",
    "BT-40": "country",
    "BT-41": "contact",
    "BT-42": "telephone",
    "BT-43": "email",
    "BT-84": "account",
}
_LINE = {column.term: column.name for column in CANON["billing_line"].columns if column.term.startswith(("BT-", "CN-"))}


@dataclass(frozen=True, slots=True)
class Origin:
    """One field. table: party, billing_line or entity; field: its name in the ERP, empty where no column is read from it."""

    table: str
    column: str
    field: str
    mapping: str = ""
    place: str = ""
    """The record: the file with its line, or the customer."""

    @property
    def is_master_data(self) -> bool:
        return self.table in ("party", "entity") or self.column in ("party_id", "tax_classification_code")

    def __str__(self) -> str:
        if self.table == "entity":
            return f"mend {self.field} in tieout.yaml"
        if not self.field:
            return f"{self.mapping} reads no {self.column}: add it there, or keep it in the ERP"
        return f"mend {self.field} in the ERP ({self.place}, read by {self.mapping})"

    @property
    def zh(self) -> str:
        if self.table == "entity":
            return f"请在 tieout.yaml 中修改 {self.field}"
        if not self.field:
            return f"映射 {self.mapping} 未读取 {self.column}"
        return f"请在 ERP 中修改字段 {self.field}（{self.place}，映射 {self.mapping}）"


class Origins:
    """The fields behind the invoices of one run.

    mappings: by id. read_by: the mapping that read each document of the run.
    """

    def __init__(self, mappings: Dict[str, Mapping], read_by: Dict[str, str]) -> None:
        self._mappings, self._read_by = mappings, read_by

    def of(self, terms: str, row: Dict[str, Any]) -> Origin | None:
        """The field behind the first of the terms that comes from the ERP; None where none does.

        row: a billing document with party_id, source, line, party_source and party_line.
        """
        for term in terms.split(", "):
            if term in _BUYER:
                return self.party(_BUYER[term], row)
            if term in _SELLER:
                return Origin("entity", _SELLER[term], f"entity.{_SELLER[term]}")
            if term in _LINE:
                return self._field("billing_line", _LINE[term], row["source"], row["line"])
        return None

    def party(self, column: str, row: Dict[str, Any]) -> Origin:
        """A field of the customer; of the customer's number in the billing line where there is no such customer."""
        if not row["is_known"]:
            return self._field("billing_line", "party_id", row["source"], row["line"])
        return self._field("party", column, row["party_source"], row["party_line"], f"customer {row['party_id']}")

    def _field(self, table: str, column: str, source: str | None, line: int | None, of: str = "") -> Origin:
        mapping = self._mappings.get(self._read_by.get(source or "", ""))
        fields = [each for t in mapping.tables if t.table == table for each in t.fields] if mapping else []
        found = next((each for each in fields if each.column == column), None)
        at = f"{source or 'its source'}{f', line {line}' if line else ''}"
        name = _name(found) if found else column if mapping is None else ""
        return Origin(table, column, name, mapping.id if mapping else "its mapping", f"{of}{', ' if of else ''}{at}")


def _name(field: Field) -> str:
    """What the ERP calls the field: the heading or path, or those it is made of."""
    parts = field.options.get("concat") or [field.path]
    return " + ".join(str(each) for each in parts if each)
