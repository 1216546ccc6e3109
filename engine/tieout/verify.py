"""Whether a sealed run still holds: bytes, rows, table hashes, control totals. Imports no stage: it only recomputes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from tieout.model.errors import SealError
from tieout.model.records import Query
from tieout.store import seal
from tieout.store.engine import Store

__all__ = ["problems", "read_manifest"]


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a sealed run. Raises SealError where there is none or it cannot be read."""
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise SealError(f"{path}: no readable manifest, so this is no sealed run: {exc}") from exc
    if not isinstance(manifest, dict):
        raise SealError(f"{path}: the manifest is not an object")
    return manifest


def problems(folder: Path) -> Iterator[str]:
    """What does not hold in the sealed run, one sentence each; nothing where all of it holds."""
    manifest = read_manifest(folder)
    database, digest_file = folder / "run.duckdb", folder / "rows.parquet"
    for path, key in ((digest_file, "rows_sha256"), (database, "database_sha256")):
        if not path.is_file():
            yield f"{path}: missing"
            return
        if seal.file_sha256(path) != manifest.get(key):
            yield f"{path.name}: its bytes were changed after the run was sealed"
    for entry in manifest.get("issued", []):
        path = folder / entry["file"]
        if not path.is_file() or seal.file_sha256(path) != entry["sha256"]:
            yield f"{entry['file']}: the issued document is missing or was changed after the run was sealed"
    with Store.open(database) as store:
        found = seal.digests(store)
        try:
            sealed = pl.read_parquet(digest_file)
        except (OSError, pl.exceptions.PolarsError) as exc:
            yield f"{digest_file.name}: cannot be read: {exc}"
            return
        if difference := seal.compare(sealed, found):
            yield difference
        recorded = {row["table"]: (row["rows"], row["sha256"]) for row in manifest.get("tables", [])}
        for each in seal.seals(found):
            if recorded.get(each.table) != (each.rows, each.sha256):
                yield f"table {each.table}: its content hash is not the one in the manifest"
        yield from _totals(store, manifest)


def _totals(store: Store, manifest: dict[str, Any]) -> Iterator[str]:
    unbalanced = store.fetch(
        Query(
            "control totals recomputed",
            """
select measure, currency,
       amount_in - amount_matched - amount_exception - amount_excluded as amount_over,
       count_in - count_matched - count_exception - count_excluded as rows_over
from control_total
where amount_over <> 0 or difference <> 0 or rows_over <> 0 or (measure = 'payment' and amount_in is distinct from
      (select sum(amount) from payment p where p.currency = control_total.currency))
or (measure = 'open_item' and amount_in is distinct from
      (select sum(open_amount) from open_item i where i.currency = control_total.currency))
order by 1, 2
""",
        )
    )
    for row in unbalanced.iter_rows(named=True):
        yield f"control total {row['measure']} {row['currency']}: does not balance with the rows of the run"
    recorded = [(row["measure"], row["currency"], row["amount_in"]) for row in manifest.get("control_totals", [])]
    found = [
        (row["measure"], row["currency"], str(row["amount_in"]))
        for row in store.table("control_total").iter_rows(named=True)
    ]
    if recorded != found:
        yield "the control totals of the manifest are not those of the run"
