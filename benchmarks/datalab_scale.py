"""The neighbour graph and every Datalab issue type at up to 581,012 rows of 54 features.

Rows are drawn with replacement, with a fixed seed, from the first 20,000 rows of Covertype. Each drawn row but one in
twenty gets Gaussian jitter of a tenth of the standard deviation on its ten numeric columns: about as far as the
excerpt's rows are from each other, so that copies of one row do not form islands of their own. The rest stay as they
are, so that there are exact duplicates. Class probabilities are those that a small random forest predicts out of
sample for the excerpt's rows.

Each size runs in a process of its own, all rows as train rows: encoding, ``build_neighbor_graph`` with its default
settings, ``find_datalab_issues``. Times of single issue types are taken by wrapping the functions that find them, from
outside. "rest" is the preparation of tables and parameters, duplicate sets and the summary. Peak memory is that of the
process (``ru_maxrss``), with the drawn rows themselves.

Needs ``CLEANLAB_DEMO_DATA_DIR`` with ``covtype/covtype.first20000.data.gz``.

Run: ``python benchmarks/datalab_scale.py [--rows 50000 200000 581012]``
"""

from __future__ import annotations

import argparse
import functools
import json
import resource
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from measurements import print_report, require_data_dir, run_measured

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import pandas as pd

EXCERPT = Path("covtype") / "covtype.first20000.data.gz"
SIZES = (50_000, 200_000, 581_012)
SEED = 42
JITTER = 0.1
EXACT_COPIES = 0.05
ISSUE_MANAGERS = ("label", "outlier", "near_duplicate", "underperforming_group", "class_imbalance", "null")
PARTS = ("encoding", "graph", "reading labels", *ISSUE_MANAGERS, "non_iid", "data_valuation", "rest")
AIM_SECONDS, AIM_MB = 90, 3000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES, help="sizes to measure")
    parser.add_argument("--exact-row-limit", type=int, help="largest exact search; the asset's default if absent")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    require_data_dir()
    if arguments.child:
        print(json.dumps(measure(arguments.rows[0], arguments.exact_row_limit)))
        return
    options = [] if arguments.exact_row_limit is None else ["--exact-row-limit", str(arguments.exact_row_limit)]
    results: list[dict[str, Any]] = []
    for n_rows in arguments.rows:
        command = [sys.executable, str(Path(__file__).resolve()), "--child", "--rows", str(n_rows), *options]
        results.append(json.loads(run_measured(command).output.splitlines()[-1]))
    rows = [[part, *(f"{result['seconds'][part]:.2f}" for result in results)] for part in PARTS]
    rows += [
        ["**total s**", *(f"**{sum(result['seconds'].values()):.1f}**" for result in results)],
        ["processor s", *(f"{result['processor_seconds']:.1f}" for result in results)],
        ["peak MB, rows drawn", *(f"{result['peak_mb']['rows']:,.0f}" for result in results)],
        ["peak MB, with graph", *(f"{result['peak_mb']['graph']:,.0f}" for result in results)],
        ["**peak MB**", *(f"**{result['peak_mb']['all']:,.0f}**" for result in results)],
        ["measured recall", *(f"{result['recall']:.4f}" for result in results)],
        ["graph", *(result["method"] for result in results)],
        *([name, *(f"{result['flags'][name]:,}" for result in results)] for name in results[0]["flags"]),
    ]
    print_report(
        "Datalab at scale, rows like Covertype, 54 features",
        ["part", *(f"{result['rows']:,} rows" for result in results)],
        rows,
        notes=f"Seconds unless it says otherwise. Aim: 581,012 rows within {AIM_SECONDS} s and {AIM_MB:,} MB on 2 "
        "cores, recall at least 0.95.",
    )


def draw_rows(n_rows: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw jittered rows of the excerpt, and the class probabilities of the rows that they are copies of."""
    import numpy as np
    import pandas as pd
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    from cleanlab_assets.datasets.covtype import parse_covtype
    from cleanlab_assets.models.encoding import FeatureKinds
    from cleanlab_assets.orchestration.datasets import get_dataset

    dataset = get_dataset("covtype")
    kinds = FeatureKinds.of(dataset.columns)
    excerpt = parse_covtype(require_data_dir() / EXCERPT)
    model = RandomForestClassifier(n_estimators=40, min_samples_leaf=3, random_state=SEED, n_jobs=-1)
    folds = StratifiedKFold(3, shuffle=True, random_state=SEED)
    probabilities = cross_val_predict(
        model, excerpt[kinds.names], excerpt[dataset.label], cv=folds, method="predict_proba"
    )
    # cross_val_predict orders classes by name, the catalogue in its own way.
    probabilities = probabilities[:, [sorted(dataset.class_names).index(name) for name in dataset.class_names]]

    generator = np.random.default_rng(SEED)
    drawn = generator.integers(len(excerpt), size=n_rows)
    is_moved = generator.random(n_rows) >= EXACT_COPIES
    table = excerpt.iloc[drawn].reset_index(drop=True)
    for name in kinds.numeric:
        jitter = generator.normal(scale=JITTER * float(excerpt[name].std()), size=n_rows)
        table[name] = (table[name] + np.where(is_moved, jitter, 0.0)).astype(np.float32)
    table["row_id"] = [f"drawn:{number}" for number in range(n_rows)]
    table["split"] = pd.Categorical(np.full(n_rows, "train"), categories=["train", "test"])
    return table.rename(columns={dataset.label: "given_label"}), probabilities[drawn].astype(np.float32)


def measure(n_rows: int, exact_row_limit: int | None) -> dict[str, Any]:
    """Measure one size in this process."""
    import numpy as np
    from cleanlab import Datalab
    from cleanlab.datalab.internal.issue_manager import NonIIDIssueManager
    from cleanlab.datalab.internal.issue_manager_factory import REGISTRY
    from cleanlab.datalab.internal.task import Task

    from cleanlab_assets.families.classification.datalab import read_classes
    from cleanlab_assets.families.tables import datalab, neighbor_graph
    from cleanlab_assets.methods.class_predictions import to_predictions_table
    from cleanlab_assets.models.encoding import FeatureKinds, encode_for_distance
    from cleanlab_assets.orchestration.datasets import get_dataset
    from cleanlab_assets.orchestration.families import family_of

    dataset = get_dataset("covtype")
    kinds = FeatureKinds.of(dataset.columns)
    settings = family_of(dataset).configs["neighbor_graph"]().model_dump()
    settings["exact_row_limit"] = exact_row_limit or settings["exact_row_limit"]
    table, probabilities = draw_rows(n_rows)
    predictions = to_predictions_table(table, probabilities, dataset.class_names)
    seconds = dict.fromkeys(PARTS, 0.0)
    peak_mb = {"rows": _peak_mb()}
    used_before = _processor_seconds()

    encode = _timed(encode_for_distance, seconds, "encoding")
    build = _timed(neighbor_graph.build_neighbor_graph, seconds, "graph")
    encoded = encode(table, kinds, fit_on=np.ones(n_rows, dtype=bool))
    graph, test_graph = build(encoded, encoded[:0], seed=SEED, **settings)
    peak_mb["graph"] = _peak_mb()
    graph_table = neighbor_graph.to_graph_table(table, graph, test_graph)
    method, recall = graph.method, graph.recall
    del encoded, graph, test_graph

    managers = REGISTRY[Task.CLASSIFICATION]
    timed: list[tuple[Any, str, str]] = [(managers[name], "find_issues", name) for name in ISSUE_MANAGERS]
    timed += [
        (Datalab, "__init__", "reading labels"),
        (NonIIDIssueManager, "find_issues", "non_iid"),
        (datalab, "value_rows", "data_valuation"),
    ]
    for owner, function, part in timed:
        setattr(owner, function, _timed(getattr(owner, function), seconds, part))
    already = sum(seconds.values())
    started = perf_counter()
    found = datalab.find_datalab_issues(read_classes(predictions), table[kinds.names], graph_table, seed=SEED)
    whole = perf_counter() - started
    seconds["rest"] = whole - (sum(seconds.values()) - already)
    summary = found.summary
    if (summary["status"] != "ran").any():
        raise RuntimeError(f"some issue types did not run: {summary[['issue_type', 'reason']].to_string()}")
    return {
        "rows": n_rows,
        "seconds": seconds,
        "processor_seconds": _processor_seconds() - used_before,
        "peak_mb": {**peak_mb, "all": _peak_mb()},
        "recall": recall,
        "method": method,
        "flags": {
            f"flagged: {name}": int(n) for name, n in summary[["issue_type", "n_issues"]].itertuples(index=False)
        },
    }


def _timed(function: Callable[..., Any], seconds: dict[str, float], part: str) -> Callable[..., Any]:
    """Wrap a function so that its seconds are added to a part."""

    @functools.wraps(function)
    def measured(*arguments: Any, **options: Any) -> Any:
        started = perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            seconds[part] += perf_counter() - started

    return measured


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
