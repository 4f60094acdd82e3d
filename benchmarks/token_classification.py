"""The whole audit of ud_english_ewt by the linear tagger, asset by asset, and one fit of the recurrent one.

Run: ``CLEANLAB_DEMO_DATA_DIR=... python benchmarks/token_classification.py [--no-bilstm]``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from measurements import Measured, print_report, require_data_dir, run_measured

DATASET = "ud_english_ewt"
MODEL = "logistic_regression"
_ONE_FIT = """
from pathlib import Path
from cleanlab_assets.methods.class_codes import encode_labels
from cleanlab_assets.methods.class_predictions import predict_all_classes
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.models.catalogue import BuildContext, build_model
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets.families.token_classification.metrics import ScoredTokens
import sys
dataset = get_dataset("ud_english_ewt")
raw = dataset.load({file.name: Path(sys.argv[1]) / dataset.name / file.name for file in dataset.files})
train, test = (raw[raw["part"] == part].reset_index(drop=True) for part in ("train", "test"))
context = BuildContext(kinds=FeatureKinds.of(dataset.columns), n_classes=len(dataset.class_names), seed=42)
model = build_model("token_classification", "bilstm", context).fit(train, encode_labels(train["tag"]))
predicted = predict_all_classes(model, test, n_classes=len(dataset.class_names))
scores = ScoredTokens(encode_labels(test["tag"]), predicted, tags=dataset.class_names).compute()
print(f"accuracy {scores['accuracy']:.4f} macro_f1 {scores['macro_f1']:.4f}")
"""


def main() -> None:
    """Measure the chain and the fit, and print a table of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-bilstm", action="store_true", help="leave the recurrent tagger out")
    arguments = parser.parse_args()
    data_dir = require_data_dir()
    _report_chain()
    if not arguments.no_bilstm:
        fit = run_measured([sys.executable, "-c", _ONE_FIT, str(data_dir)])
        print_report(
            f"{DATASET}: one fit of bilstm on all train sentences",
            ["wall s", "processor s", "peak MB"],
            [_format(fit)],
            notes=f"On the test words: {fit.output.strip()}.",
        )


def _report_chain() -> None:
    with tempfile.TemporaryDirectory() as directory:
        home, result_path = Path(directory) / "home", Path(directory) / "result.json"
        home.mkdir()
        command = [str(Path(sys.executable).parent / "cleanlab-demo"), "run", "-d", DATASET, "-m", MODEL]
        chain = run_measured(
            [*command, "-o", str(result_path)],
            {"DAGSTER_HOME": str(home), "CLEANLAB_DEMO_ARTIFACTS_DIR": str(Path(directory) / "artifacts")},
        )
        result = json.loads(result_path.read_text())
    rows: list[list[str]] = []
    seconds, processor_seconds = chain.seconds, chain.processor_seconds
    for name, asset in result["assets"].items():
        wall, processor = asset["provenance"]["seconds"], _processor_seconds(chain, asset["provenance"])
        seconds, processor_seconds = seconds - wall, processor_seconds - processor
        rows.append([name, f"{wall:,.0f}", f"{processor:,.0f}", ""])
    rows.append(["start-up, storage, checks", f"{seconds:,.0f}", f"{processor_seconds:,.0f}", ""])
    rows.append(["whole process", *_format(chain)])
    facts = result["facts"]
    test = next(item for item in facts["variants"] if item["variant"] == "baseline")["metrics"]
    print_report(
        f"{DATASET}: `cleanlab-demo run` with {MODEL}",
        ["", "wall s", "processor s", "peak MB"],
        rows,
        notes=f"Baseline on the test words: accuracy {test['accuracy']:.4f}, macro F1 {test['macro_f1']:.4f}; "
        f"{facts['n_label_issues']:,} of {facts['n_train']:,} train words are flagged. Seconds of an asset are to "
        "about a second.",
    )


def _processor_seconds(chain: Measured, provenance: dict[str, Any]) -> float:
    start = datetime.fromisoformat(provenance["started"]).timestamp()
    return chain.processor_seconds_between(start, start + provenance["seconds"])


def _format(measured: Measured) -> list[str]:
    return [f"{value:,.0f}" for value in (measured.seconds, measured.processor_seconds, measured.peak_mb)]


if __name__ == "__main__":
    main()
