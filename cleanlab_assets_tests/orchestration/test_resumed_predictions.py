"""A run that breaks off while it predicts images goes on where it stopped, to the same predictions."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from cleanlab_assets.families.step import DATASET, MODEL, Level
from cleanlab_assets_tests.conftest import Workbench, build_workbench, open_instance

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cleanlab_assets.datasets.images import AnnotatedImage

pytestmark = pytest.mark.slow

N_IMAGES = 40
TINY: dict[str, dict[str, object]] = {
    "segmentation": {"epochs": 1, "width": 4, "longest_side": 64},
    # As good as random, but with a thousand boxes: their scores must not depend on how they came here.
    "object_detection": {"epochs": 1, "width": 16, "image_size": 64},
}


@dataclass
class Power:
    """Counts what is trained and predicted, and goes out when the predictor has given so many images."""

    lasts_for: int | None = None
    trained_on: list[set[str]] = field(default_factory=list)
    n_predicted: int = 0

    def spend(self) -> None:
        if self.n_predicted == self.lasts_for:
            raise RuntimeError("the power is out")
        self.n_predicted += 1


@pytest.fixture
def power(monkeypatch: pytest.MonkeyPatch) -> Power:
    from cleanlab_assets.models.estimators.fcos_detector import FcosDetector
    from cleanlab_assets.models.estimators.unet_segmenter import UNetSegmenter

    power = Power()

    def watch(estimator: type[Any]) -> None:
        fit, predict = estimator.fit, estimator.predict

        def fit_and_count(self: Any, images: Sequence[AnnotatedImage], labels: object = None) -> Any:
            power.trained_on.append({image.row_id for image in images})
            return fit(self, images, labels)

        def predict_with_power(self: Any, images: Sequence[AnnotatedImage]) -> Iterator[Any]:
            for found in predict(self, images):
                power.spend()
                yield found

        monkeypatch.setattr(estimator, "fit", fit_and_count)
        is_lazy = estimator is UNetSegmenter
        monkeypatch.setattr(
            estimator, "predict", predict_with_power if is_lazy else lambda *args: list(predict_with_power(*args))
        )

    watch(UNetSegmenter)
    watch(FcosDetector)
    return power


def _materialize(bench: Workbench, level: Level, partition: str, *assets: str) -> bool:
    family = bench.family.name
    config = {
        "training_set": {"max_rows": N_IMAGES, "folds": 2},
        "predictions": {"parameters": TINY[family]},
    }
    job = bench.definitions.resolve_job_def(bench.family.job_name(level))
    return job.execute_in_process(
        run_config={"ops": {f"{family}__{name}": {"config": config[name]} for name in assets if name in config}},
        instance=bench.instance,
        partition_key=partition,
        asset_selection=[dg.AssetKey([family, name]) for name in assets],
        raise_on_error=False,
    ).success


@pytest.mark.parametrize(("family", "model"), [("segmentation", "small_unet"), ("object_detection", "small_detector")])
def test_a_run_that_broke_off_goes_on_where_it_stopped(tmp_path: Path, family: str, model: str, power: Power) -> None:
    partition = f"digit_scenes|{model}"
    with open_instance(tmp_path) as instance:
        bench = build_workbench(tmp_path, instance, family)
        assert _materialize(
            bench, DATASET, "digit_scenes", "raw_dataset", "corrections", "corrected_dataset", "training_set"
        )
        training = bench.read("training_set", "digit_scenes")
        folds = training[training["split"] == "train"].groupby("fold")["row_id"].agg(set)
        first, second = folds.tolist()

        power.lasts_for = len(first) + len(second) // 2
        assert not _materialize(bench, MODEL, partition, "predictions")
        assert power.trained_on == [second, first], "the model of a fold is trained on the other"

        power.lasts_for, power.trained_on = None, []
        assert _materialize(bench, MODEL, partition, "predictions")
        everything = first | second
        assert power.trained_on == [first, everything], "the fold that was complete is not trained again"
        resumed = bench.result("predictions", partition)
        metadata = bench.latest("predictions", partition).metadata
        assert metadata["images_taken_up_from_an_interrupted_run"].value == len(first)
        assert 0 < resumed.origin.durations["fit_seconds"] < resumed.origin.seconds
        assert not list(Path(str(metadata["path"].value)).parent.glob(".*")), "nothing partial is left"

        power.trained_on = []
        assert _materialize(bench, MODEL, partition, "predictions")
        assert power.trained_on == [second, first, everything], "a run after one that was complete starts anew"
        whole = bench.result("predictions", partition)
        assert bench.latest("predictions", partition).metadata["images_taken_up_from_an_interrupted_run"].value == 0
        assert resumed.value["row_id"].tolist() == whole.value["row_id"].tolist()
        for column in resumed.value.columns:
            assert resumed.value[column].tolist() == whole.value[column].tolist(), column
        assert resumed.facts == whole.facts
        assert resumed.origin.data_hash == whole.origin.data_hash
