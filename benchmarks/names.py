"""The names of payers against the names of customers: the plan's reading of names beside Splink on the same names.

Each runs in a process of its own, so that time and memory are its own. Splink is no dependency: it is run by the
interpreter that ``TIEOUT_SPLINK`` names, or by this one, and left out with a line where it is not installed.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks import month
from tieout.library.catalog import Catalogue
from tieout.matching.ledger import Ledger
from tieout.matching.names import name_forms
from tieout.matching.parties import Parties
from tieout.matching.references import References
from tieout.matching.words import mark_words
from tieout.model.records import Query
from tieout.store.engine import Limits, Store

ROWS = 100_000
PEER = Path(__file__).with_name("names_splink.py")


def written(name: str, chance: random.Random) -> str:
    """The name as a payer or a bank writes it: often exactly, else cut, slipped, turned round or without its form."""
    words = name.split(" ")
    kind = chance.random()
    if kind < 0.25:
        return name
    if kind < 0.4:
        return name.upper()
    if kind < 0.55:
        return " ".join(words[:2])
    if kind < 0.65:
        return name[:27]
    if kind < 0.75:
        return " ".join([*words[1:], words[0]])
    at = chance.randrange(1, max(min(len(name), 14) - 1, 2))
    if kind < 0.85:
        return name[:at] + name[at + 1 : at + 2] + name[at : at + 1] + name[at + 2 :]
    if kind < 0.95:
        return name[:at] + name[at + 1 :]
    return f"{words[0]} {' '.join(word[:3] + '.' for word in words[1:2])}"


def made(folder: Path, rows: int, *, seed: int = 11) -> None:
    """Writes customers (party_id, name) and payers (payer, name, party_id; a fifth are nobody's) into the folder."""
    with Store.create(limits=Limits(memory="2GiB")) as store:
        month.customers(store, np.random.default_rng(seed), rows + rows // 4)
        known = store.fetch(Query("customers", "select n, party_id, name from b_party where not chinese order by n"))
    chance = random.Random(seed)
    customers, strangers = known.head(rows * 4 // 5), known.tail(known.height - rows * 4 // 5).head(rows // 5)
    drawn = [customers.row(chance.randrange(customers.height), named=True) for _ in range(rows * 4 // 5)]
    payers = [(written(row["name"], chance), row["party_id"]) for row in drawn]
    payers += [(written(name, chance), None) for name in strangers["name"]]
    chance.shuffle(payers)
    names = pl.DataFrame(payers, schema={"name": pl.String, "party_id": pl.String}, orient="row")
    names = names.with_columns(payer=pl.format("P{}", pl.int_range(pl.len()).cast(pl.String).str.zfill(8)))
    customers.select("party_id", "name").write_parquet(folder / "customers.parquet")
    names.write_parquet(folder / "payers.parquet")
    # Splink gets the names as the product brings them into form, so that only the linking is compared.
    settings = Catalogue.load(None).plans["receivables"].options["names"]
    for file in ("customers", "payers"):
        frame = pl.read_parquet(folder / f"{file}.parquet")
        forms = name_forms(frame["name"].unique().sort().to_list(), settings).filter(pl.col("variant") == 0)
        frame.join(forms.select("name", "core"), on="name", how="left").write_parquet(folder / f"{file}_core.parquet")


def ours(folder: Path) -> dict[str, Any]:
    """What the plan's readings of names say, and what they cost."""
    plan = Catalogue.load(None).plans["receivables"]
    with Store.create(limits=Limits(memory="4GiB")) as store:
        customers, payers = (pl.read_parquet(folder / f"{file}.parquet") for file in ("customers", "payers"))
        store.append("party", customers.with_columns(row_no=pl.lit(1)))
        store.append(
            "payment",
            payers.select("payer", "name")
            .rename({"payer": "payment_id", "name": "counterparty_name"})
            .with_columns(amount=pl.lit("1.00"), currency=pl.lit("EUR"), status=pl.lit("BOOK")),
        )
        since, used = time.perf_counter(), time.process_time()
        ledger = Ledger(store)
        ledger.open()
        references = References(ledger, plan.options["references"])
        parties = Parties(ledger, plan.options["names"])
        references.prepare()
        mark_words(ledger, plan.options["words"])
        parties.prepare()
        parties.identify()
        found = store.fetch(
            Query(
                "payers found",
                """select p.payment_id as payer, min(y.party_id) as party_id from match_payer y
                join match_payment p using (pno) where y.score >= 0.88
                group by all having count(distinct y.party_id) = 1""",
            )
        )
        seconds, cpu = time.perf_counter() - since, time.process_time() - used
    verdict = found.join(payers.select("payer", truth="party_id"), on="payer", how="left")
    right = verdict.filter(pl.col("party_id") == pl.col("truth")).height
    return {
        "seconds": seconds,
        "cpu": cpu,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "precision": right / max(verdict.height, 1),
        "recall": right / payers["party_id"].count(),
    }


def measure(scale: float, _stopwatch: Callable[[Callable[[], object]], float]) -> Iterator[str]:
    rows = int(ROWS * scale)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made(folder, rows)
        mine = _child([sys.executable, "-m", "benchmarks.names", str(folder)])
        yield (
            f"{rows:,} payers' names, {rows * 4 // 5:,} customers: {mine['seconds']:.1f} s, {mine['cpu']:.1f} CPU seconds, "
            f"{mine['memory']:.1f} GiB, precision {mine['precision']:.4f}, recall {mine['recall']:.3f}, "
            f"load {os.getloadavg()[0]:.1f}"
        )
        peer = os.environ.get("TIEOUT_SPLINK", sys.executable)
        if subprocess.run([peer, "-c", "import splink"], capture_output=True, check=False).returncode:
            yield "Splink is not installed here: left out (TIEOUT_SPLINK names a Python that has splink 5)"
            return
        other = _child([peer, "-P", str(PEER), str(folder), str(mine["precision"])])
        yield (
            f"Splink {other['version']} on the same names: {other['seconds']:.1f} s, {other['cpu']:.1f} CPU seconds, "
            f"{other['memory']:.1f} GiB, {other['pairs']:,} pairs; at precision {other['precision']:.4f} "
            f"recall {other['recall']:.3f}; best precision of any threshold {other['best_precision']:.4f} at recall "
            f"{other['recall_at_best']:.3f}; load {os.getloadavg()[0]:.1f}"
        )
        yield (
            f"ratio: Splink takes {other['cpu'] / mine['cpu']:.1f} times the CPU and "
            f"{other['memory'] / mine['memory']:.1f} times the memory"
        )


def _child(command: list[str]) -> dict[str, Any]:
    """The last line a command prints, read as JSON."""
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


if __name__ == "__main__":
    print(json.dumps(ours(Path(sys.argv[1]))))
