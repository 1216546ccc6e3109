"""Two hundred rules on one million rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tieout.library.catalog import Catalogue
from tieout.model.records import Query
from tieout.store.engine import Limits, Store
from tieout.validation.check import check

AS_OF = dt.date(2026, 10, 31)
RULES = 200


def _condition(number: int) -> str:
    return f"amount <> {number}.37 or length(remittance) <= {40 + number}"


def _pack(folder: Path) -> None:
    rules = "\n".join(
        f"""  - id: BENCH-{n:03d}
    title: {{en: Rule {n}, zh: 规则{n}}}
    table: payment
    severity: warning
    check: {_condition(n)}
    message: "{{amount}}"
    terms: [Amt]
    reference: none
    tests:
      - {{given: {{amount: 0.00, remittance: x}}, expect: pass}}
      - {{given: {{amount: {n}.37, remittance: {"x" * (41 + n)}}}, expect: fail}}"""
        for n in range(1, RULES + 1)
    )
    (folder / "rules" / "validation").mkdir(parents=True)
    text = f"pack: bench\ntitle: {{en: Bench, zh: 基准}}\nsource: none\nrules:\n{rules}\n"
    (folder / "rules" / "validation" / "bench.yaml").write_text(text, "utf-8")


def measure(scale: float, stopwatch: Callable[[Callable[[], object]], float]) -> Iterator[str]:
    rows = int(1_000_000 * scale)
    with TemporaryDirectory() as folder, Store.create(limits=Limits(memory="8GiB")) as store:
        _pack(Path(folder))
        pack = Catalogue.load(Path(folder)).rule_sets["bench"]
        made = (
            "select 'P' || n as payment_id, cast(n % 90000 as decimal(18, 4)) + 0.37 as amount, 'EUR' as currency, "
            f"'invoice number ' || n || ' of October, thank you' as remittance from (select unnest(range({rows})) as n)"
        )
        store.append("payment", store.fetch(Query("made payments", made)))
        counts = ", ".join(f"count_if(not ({_condition(n)}))" for n in range(1, RULES + 1))
        floor = stopwatch(lambda: store.fetch(Query("bare counts", f"select {counts} from payment")))

        def run() -> None:
            store.execute(Query("clear", "delete from finding"))
            check(store, [pack], as_of=AS_OF)

        seconds = stopwatch(run)
        found = store.count("finding")
    yield (
        f"{RULES} rules x {rows:,} rows: {seconds:.2f} s with {found:,} findings written; "
        f"bare count_if {floor:.2f} s; ratio {seconds / floor:.1f}"
    )
