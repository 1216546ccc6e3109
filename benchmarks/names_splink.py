"""Splink on the names of the benchmark: run by an interpreter that has it, told the folder and the precision to reach.

Nothing of the product is imported. A usual set-up: words and beginnings of the names as blocking rules, Jaro-Winkler
levels with term frequencies, weights by expectation maximisation, the best customer of each payer.
"""

import json
import resource
import sys
import time
from pathlib import Path

import duckdb
import splink
import splink.comparison_library as cl
from splink import Linker, SettingsCreator, block_on
from splink.backends.duckdb import DuckDBAPI

folder, wanted = Path(sys.argv[1]), float(sys.argv[2])
connection = duckdb.connect()
connection.execute("set memory_limit = '12GiB'")
for table, key in (("customers", "party_id"), ("payers", "payer")):
    connection.execute(
        f"""create table {table} as
        select {key} as unique_id, core, split_part(core, ' ', 1) as first_word,
          nullif(split_part(core, ' ', 2), '') as second_word, left(core, 5) as beginning, right(core, 5) as ending
        from read_parquet('{folder}/{table}_core.parquet')"""
    )
since, used = time.perf_counter(), time.process_time()
settings = SettingsCreator(
    link_type="link_only",
    unique_id_column_name="unique_id",
    blocking_rules_to_generate_predictions=[
        block_on("first_word"),
        block_on("beginning"),
        block_on("second_word", "left(first_word, 2)"),
        block_on("second_word", "right(first_word, 3)"),
    ],
    comparisons=[
        cl.JaroWinklerAtThresholds("core", [0.97, 0.94, 0.9, 0.85]).configure(term_frequency_adjustments=True),
        cl.JaroWinklerAtThresholds("first_word", [0.95, 0.9]).configure(term_frequency_adjustments=True),
        cl.ExactMatch("second_word").configure(term_frequency_adjustments=True),
    ],
    max_iterations=10,
)
database = DuckDBAPI(connection)
tables = [database.register(name, dataset_display_name=f"the_{name}") for name in ("payers", "customers")]
linker = Linker(tables, settings)
linker.training.estimate_probability_two_random_records_match([block_on("core")], recall=0.5)
linker.training.estimate_u_using_random_sampling(max_pairs=1e6)
linker.training.estimate_parameters_using_expectation_maximisation(block_on("first_word"))
linker.training.estimate_parameters_using_expectation_maximisation(block_on("second_word", "beginning"))
predicted = linker.inference.predict(threshold_match_probability=0.01)
pairs = connection.execute(f"select count(*) from {predicted.physical_name}").fetchone()[0]
# A payer's best customer, where the next one is not as good.
rows = connection.execute(
    f"""with pairs as (
      select case when source_dataset_l = 'the_payers' then unique_id_l else unique_id_r end as payer,
        case when source_dataset_l = 'the_payers' then unique_id_r else unique_id_l end as party_id, match_weight
      from {predicted.physical_name}
    ),
    ranked as (
      select *, row_number() over (partition by payer order by match_weight desc, party_id) as place,
        count(*) over (partition by payer, match_weight) as ties from pairs
    )
    select match_weight, r.party_id = p.party_id as is_right
    from ranked r join read_parquet('{folder}/payers.parquet') p using (payer)
    where place = 1 and ties = 1 order by match_weight desc"""
).fetchall()
seconds, cpu = time.perf_counter() - since, time.process_time() - used
true = connection.execute(f"select count(party_id) from read_parquet('{folder}/payers.parquet')").fetchone()[0]
right, points = 0, []
for taken, (_, is_right) in enumerate(rows, 1):
    right += bool(is_right)
    points.append((right / taken, right / true))
enough = [point for point in points[99:] if point[0] >= wanted] or [(0.0, 0.0)]
precision, recall = max(enough, key=lambda point: point[1])
best = max(points[99:], default=(0.0, 0.0))
print(
    json.dumps(
        {
            "version": splink.__version__,
            "seconds": seconds,
            "cpu": cpu,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
            "pairs": pairs,
            "precision": precision,
            "recall": recall,
            "best_precision": best[0],
            "recall_at_best": best[1],
        }
    )
)
