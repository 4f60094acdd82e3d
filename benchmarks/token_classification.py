"""The whole audit of ud_english_ewt by the linear tagger, and one fit of the recurrent one: time, memory, accuracy.

Run: ``CLEANLAB_DEMO_DATA_DIR=... python benchmarks/token_classification.py``.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from measurements import print_report, require_data_dir, run_measured

DATASET = "ud_english_ewt"
_ONE_FIT = """
from pathlib import Path
from cleanlab_assets.audit.class_codes import encode_labels
from cleanlab_assets.audit.predictions import predict_all_classes
from cleanlab_assets.datasets.catalogue import get_dataset
from cleanlab_assets.models.catalogue import BuildContext, build_model
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets.evaluation.token_metrics import ScoredTokens
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
    """Measure both and print one table."""
    data_dir = require_data_dir()
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "home").mkdir()
        environment = {
            "DAGSTER_HOME": str(Path(directory) / "home"),
            "CLEANLAB_DEMO_ARTIFACTS_DIR": str(Path(directory) / "artifacts"),
        }
        model = "logistic_regression"
        command = [str(Path(sys.executable).parent / "cleanlab-demo"), "run", "--dataset", DATASET, "--model", model]
        chain = run_measured(command, environment)
        facts_path = Path(directory) / "artifacts/token_classification/audit_facts" / DATASET / f"{model}.json"
        facts = json.loads(facts_path.read_text())["result"]
        test = next(item for item in facts["variants"] if item["variant"] == "baseline")["metrics"]
        figures = (f"{test['accuracy']:.4f}", f"{test['macro_f1']:.4f}", f"{facts['n_label_issues']:,}")
        rows.append([f"{model}: whole chain", *_format(chain), *figures])
    fit = run_measured([sys.executable, "-c", _ONE_FIT, str(data_dir)])
    words = fit.output.split()
    rows.append(
        ["bilstm: one fit", *_format(fit), words[words.index("accuracy") + 1], words[words.index("macro_f1") + 1], ""]
    )
    headers = ["", "wall s", "CPU s", "peak MB", "test accuracy", "test macro F1", "flagged tokens"]
    print_report("(i) Tagged sentences: UD English EWT", headers, rows, notes="12,544 train sentences, 5 folds.")


def _format(measured: object) -> list[str]:
    return [f"{getattr(measured, name):,.0f}" for name in ("seconds", "processor_seconds", "peak_mb")]


if __name__ == "__main__":
    main()
