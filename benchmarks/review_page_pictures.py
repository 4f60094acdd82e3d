"""Pictures of the review page for docs/review.md: audits two small tables with wrong labels, and decides some rows.

Run: python benchmarks/review_page_pictures.py   (needs playwright and /usr/bin/chromium)
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright
from sklearn.datasets import load_breast_cancer

from cleanlab_assets.datasets import synthetic_messages

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

PROJECT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-c", "from cleanlab_assets.cli import main; main()"]
MODEL = "logistic_regression"
KEYS = ("1", "g", "1", "u")
"""What is decided before the picture is taken."""


@contextmanager
def serve(dataset: str, environment: dict[str, str]) -> Iterator[str]:
    """Serve the page of a dataset and yield its address."""
    command = [*COMMAND, "review", "-d", dataset, "-m", MODEL, "--port", "0", "--no-open", "--reviewer", "ann"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        found = re.search(r"http://\S+", process.stdout.readline() if process.stdout else "")
        if found is None:
            raise SystemExit(f"the page of {dataset} was not served")
        try:
            yield found[0]
        finally:
            process.terminate()


def take(address: str, path: Path, *, width: int, height: int, scheme: str) -> None:
    """Decide some rows of the random queue, then take a picture of the page as a small PNG."""
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(f"{address}?queue=random+flagged+rows")
        for number, key in enumerate(KEYS, start=1):
            page.wait_for_selector(".decide")
            page.keyboard.press(key)
            page.locator("#progress", has_text=re.compile(rf"^{number} of")).wait_for()
        page.evaluate("document.getElementById('status').textContent = ''")
        page.wait_for_load_state("networkidle")
        with Image.open(io.BytesIO(page.screenshot())) as picture:
            picture.convert("RGB").quantize(128).save(path, optimize=True)
        browser.close()
    print(f"{path}: {path.stat().st_size:,} bytes")


def write_table(rows: pd.DataFrame, label: str, path: Path) -> None:
    """Write a table in which one label of sixteen is wrong."""
    rng = np.random.default_rng(0)
    names = sorted(rows[label].unique())
    is_wrong = rng.random(len(rows)) < 1 / 16
    others = [names[(names.index(name) + 1) % len(names)] for name in rows[label]]
    rows.assign(**{label: np.where(is_wrong, others, rows[label])}).to_csv(path, index=False)


def main() -> None:
    tumours = load_breast_cancer(as_frame=True).frame
    tumours["diagnosis"] = np.where(tumours.pop("target") == 0, "malignant", "benign")
    messages = synthetic_messages.DATASET.load({}).drop(columns="row_id")
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "dagster"
        home.mkdir()
        shutil.copy(PROJECT / "data" / "dagster_home" / "dagster.yaml", home)
        places = {
            "DAGSTER_HOME": home,
            "CLEANLAB_DEMO_ARTIFACTS_DIR": f"{name}/artifacts",
            "CLEANLAB_DEMO_DATA_DIR": f"{name}/data",
        }
        environment = {**os.environ, **{variable: str(place) for variable, place in places.items()}}
        for dataset, table, label, file, look in (
            ("tumours", tumours, "diagnosis", "review_page.png", {"width": 1280, "height": 800, "scheme": "light"}),
            ("messages", messages, "topic", "review_page_phone.png", {"width": 390, "height": 844, "scheme": "dark"}),
        ):
            path = Path(name) / f"{dataset}.csv"
            write_table(table, label, path)
            audit = [*COMMAND, "audit", str(path), "--label", label, "-m", MODEL, "--no-comparison"]
            subprocess.run(audit, env=environment, check=True)
            with serve(dataset, environment) as address:
                take(address, PROJECT / "docs" / file, **look)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
