"""A CSV of a million open items through its mapping, beside polars reading and casting the same file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from benchmarks.match import Quiet
from tieout.connect.files import FileSource
from tieout.intake import take_in
from tieout.library.catalog import Catalogue
from tieout.model.ports import Input
from tieout.model.records import Query
from tieout.store.engine import Limits, Store

_COLUMNS = """
'0500' as "Company Code", lpad(cast(n % 50000 as varchar), 10, '0') as "Customer", 'Customer ' || (n % 50000) as "Name 1",
cast(1400000000 + n as varchar) as "Document Number", 'RV' as "Document Type", '2026-09-01' as "Document Date",
'2026-09-01' as "Posting Date", '2026-10-01' as "Net Due Date", 'SI-' || n as "Reference", '' as "Assignment",
cast(cast(n % 900000 as decimal(18, 2)) * 0.01 + 1 as varchar) as "Amount in Doc. Curr.", 'EUR' as "Document Currency",
cast(cast(n % 900000 as decimal(18, 2)) * 0.01 + 1 as varchar) as "Amount in Local Currency", 'EUR' as "Local Currency",
'Z030' as "Terms of Payment", '0' as "Days 1", '0' as "Disc. Percent 1", '' as "Payment Reference", '' as "Text",
'' as "E-Invoice"
"""


def measure(scale: float, stopwatch: Callable[[Callable[[], object]], float]) -> Iterator[str]:
    rows = int(1_000_000 * scale)
    mappings = list(Catalogue.load(None).mappings.values())
    with TemporaryDirectory() as folder:
        path = Path(folder) / "open_items.csv"
        with Store.create() as store:
            store.fetch(Query("made items", f"select {_COLUMNS} from (select unnest(range({rows})) as n)")).write_csv(
                path
            )

        def bare() -> None:
            frame = pl.read_csv(path, infer_schema=False)
            frame.with_columns(
                pl.col("Amount in Doc. Curr.").cast(pl.Decimal(18, 4)), pl.col("Net Due Date").str.to_date()
            )

        def run() -> None:
            with Store.create(limits=Limits(memory="8GiB")) as store:
                source = Input("items", FileSource("items", [str(path)], base=Path(folder)), "erp.sap_fbl5n")
                take_in(store, [source], mappings, progress=Quiet())
                assert store.count("open_item") == rows

        floor, seconds = stopwatch(bare), stopwatch(run)
    yield (
        f"{rows:,} rows of 20 columns: {seconds:.2f} s ({rows / seconds:,.0f} rows/s); "
        f"polars reading and casting {floor:.2f} s; ratio {seconds / floor:.1f}"
    )
