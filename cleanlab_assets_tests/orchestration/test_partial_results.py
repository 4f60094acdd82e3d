"""Parts of a long result are taken up only by a run that would make the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from cleanlab_assets.orchestration.partial_results import PartialResults

if TYPE_CHECKING:
    from pathlib import Path


def test_parts_of_other_settings_are_not_taken_up(tmp_path: Path) -> None:
    table = pd.DataFrame({"row_id": ["a", "b"], "value": [1.0, 2.0]})

    def open_parts(model: str = "small", **depends_on: Any) -> PartialResults:
        return PartialResults(str(tmp_path), "object_detection/predictions", f"scenes|{model}", depends_on)

    assert open_parts(epochs=1).read() is None
    open_parts(epochs=1).add(table)
    open_parts(epochs=1).add(table.assign(row_id=["c", "d"]))
    found = open_parts(epochs=1).read()
    assert found is not None
    assert found["row_id"].tolist() == ["a", "b", "c", "d"]
    assert open_parts(epochs=2).read() is None
    open_parts(epochs=2).add(table)
    open_parts("small_too", epochs=1).add(table)
    open_parts(epochs=1).clear()
    assert open_parts(epochs=1).read() is None
    assert open_parts(epochs=2).read() is None
    assert open_parts("small_too", epochs=1).read() is not None
    open_parts("small_too", epochs=1).clear()
    assert not list((tmp_path / "object_detection" / "predictions" / "scenes").glob(".partial*"))
