"""``cleanlab-demo audit`` of a fresh CSV as a whole process, beside a plain cleanlab script of the same file.

The files are made of the first 20,000 rows of Covertype, resampled with small noise (seeded): numbers, binaries and a
column of names, an identifier, and a class. Each process starts Python, imports everything and works on an empty
instance; the audit looks for every issue type, compares variants, and stores report and model. The plain script reads
the file, predicts with ``cross_val_predict``, runs ``find_label_issues`` and ``Datalab`` on the encoded features, and
is stopped after a limit.

Needs ``CLEANLAB_DEMO_DATA_DIR`` with ``covtype/covtype.data.gz`` or its beginning, ``covtype.first20000.data.gz``.

Run: ``python benchmarks/own_data.py [--sizes 5000x20 50000x30 1000000x30] [-m logistic_regression] [--no-plain]``
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from measurements import print_report, require_data_dir, run_measured

AIMS = {"5000x20": "15 s", "50000x30": "45 s", "1000000x30": "10 min, 8,000 MB"}
SOURCE_ROWS = 20_000
LABEL = "cover"
NOISE = 0.02
PLAIN_LIMIT_S = 1800
SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=list(AIMS), help="rows x columns")
    parser.add_argument("-m", "--model", help="of the audit; chosen by it if absent")
    parser.add_argument("--no-plain", action="store_true", help="leave the plain script out")
    parser.add_argument("--part", choices=("plain",), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part == "plain":
        audit_plainly(arguments.file)
        return
    source = read_source(require_data_dir() / "covtype")
    rows = []
    for size in arguments.sizes:
        n_rows, n_columns = (int(number) for number in size.split("x"))
        with tempfile.TemporaryDirectory() as directory:
            how = {"model": arguments.model, "has_plain": not arguments.no_plain}
            rows += measure(source, Path(directory), n_rows, n_columns, **how)
    print_report(
        "Audit of a fresh CSV, whole processes",
        ["rows x columns", "process", "wall s", "processor s", "peak MB", "aim"],
        rows,
        notes=f"Covertype's first {SOURCE_ROWS:,} rows, resampled with noise of {NOISE:.0%} of a standard deviation, "
        f"seed {SEED}. One run each; the plain script is stopped after {PLAIN_LIMIT_S} s.",
    )


def read_source(folder: Path) -> pd.DataFrame:
    """Read the first rows of Covertype: ten numbers, then binaries, then the class."""
    names = ("covtype.data.gz", "covtype.first20000.data.gz")
    path = next((folder / name for name in names if (folder / name).exists()), None)
    if path is None:
        sys.exit(f"{folder}: expected {' or '.join(names)}")
    table = pd.read_csv(path, header=None, nrows=SOURCE_ROWS)
    table.columns = pd.Index([f"x{number}" for number in range(table.shape[1] - 1)] + [LABEL])
    return table


def write_csv(source: pd.DataFrame, path: Path, n_rows: int, n_columns: int) -> None:
    """Write resampled rows: an identifier, a column of names, and the first columns of the source."""
    rng = np.random.default_rng(SEED)
    chosen = rng.integers(len(source), size=n_rows)
    table = source.iloc[chosen].reset_index(drop=True)
    kept = table[[name for name in table if name != LABEL][: n_columns - 2]].copy()
    for name in kept.columns[:10]:
        kept[name] = (kept[name] + rng.normal(scale=NOISE * source[name].std(), size=n_rows)).round(2)
    areas = table[[f"x{number}" for number in range(10, 14)]].to_numpy().argmax(axis=1)
    kept.insert(0, "area", np.array(["rawah", "neota", "comanche", "cache"])[areas])
    kept.insert(0, "plot", [f"P{number:08}" for number in rng.permutation(n_rows)])
    kept[LABEL] = [f"type {code}" for code in table[LABEL]]
    kept.to_csv(path, index=False)


def measure(
    source: pd.DataFrame, scratch: Path, n_rows: int, n_columns: int, *, model: str | None, has_plain: bool
) -> list[list[str]]:
    """Audit a file of one size, with a model or the one that the audit chooses, and audit it plainly."""
    path = scratch / "plots.csv"
    write_csv(source, path, n_rows, n_columns)
    home = scratch / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    environment = {
        "DAGSTER_HOME": str(home),
        "CLEANLAB_DEMO_ARTIFACTS_DIR": str(scratch / "artifacts"),
        "CLEANLAB_DEMO_DATA_DIR": str(scratch / "data"),
    }
    command = [sys.executable, "-c", "from cleanlab_assets.cli import main; main()", "audit", str(path), "-l", LABEL]
    chosen = [] if model is None else ["-m", model]
    audited = run_measured([*command, *chosen], environment)
    size = f"{n_rows:,} x {n_columns}"
    figures = [f"{audited.seconds:.1f}", f"{audited.processor_seconds:.1f}", f"{audited.peak_mb:,.0f}"]
    told = " ".join(["cleanlab-demo audit", *chosen])
    rows = [[size, f"`{told}`", *figures, AIMS.get(f"{n_rows}x{n_columns}", "")]]
    if has_plain:
        plain = ["timeout", str(PLAIN_LIMIT_S), sys.executable, __file__, "--part", "plain", "--file", str(path)]
        try:
            found = run_measured(plain, environment)
        except RuntimeError as error:
            rows.append([size, "plain script", f"ended early: {str(error).splitlines()[-1][:60]}", "", "", ""])
        else:
            figures = [f"{found.seconds:.1f}", f"{found.processor_seconds:.1f}", f"{found.peak_mb:,.0f}"]
            rows.append([size, "plain script", *figures, ""])
    return rows


def audit_plainly(path: Path) -> None:
    """Audit a file as cleanlab's documentation shows it."""
    from cleanlab import Datalab
    from cleanlab.filter import find_label_issues
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    table = pd.read_csv(path).drop(columns="plot")
    labels, _ = pd.factorize(table[LABEL], sort=True)
    features = table.drop(columns=LABEL)
    numbers = [name for name in features if name != "area"]
    encoder = make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(sparse_output=False), ["area"]))
    model = make_pipeline(encoder, LogisticRegression(max_iter=1000))
    probabilities = cross_val_predict(model, features, labels, cv=5, method="predict_proba")
    ranked = find_label_issues(labels, probabilities, return_indices_ranked_by="self_confidence")
    lab = Datalab({"label": labels}, label_name="label")
    lab.find_issues(features=encoder.fit_transform(features), pred_probs=probabilities)
    pd.DataFrame({"position": ranked}).to_parquet(path.with_name("label_issues.parquet"))
    lab.get_issues().to_parquet(path.with_name("datalab_issues.parquet"))


if __name__ == "__main__":
    main()
