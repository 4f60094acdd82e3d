"""The segmentation chain with a pretrained model that knows all classes: it learns nothing, and says so throughout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from cleanlab_assets.families.images.variants import is_used_as_published
from cleanlab_assets.methods.variants import USED_AS_PUBLISHED
from cleanlab_assets.models.catalogue import BuildContext, PipelineFactory
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets_tests.conftest import Workbench, build_workbench, open_instance
from cleanlab_assets_tests.models.published import Published, publish, use_published
from cleanlab_assets_tests.orchestration.chains import few_scenes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cleanlab_assets.orchestration.runs import RunOutcome

MODEL = "deeplabv3_mobilenet_v3_large"
PARTITION = f"digit_scenes|{MODEL}"
CONFIG = {
    "ops": {
        "segmentation__training_set": {"config": {"folds": 2}},
        "segmentation__predictions": {"config": {"parameters": {"shortest_side": 64}}},
        "segmentation__variant_comparison": {"config": {"resamples": 100}},
    }
}


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workbench, RunOutcome, Published]]:
    import torch
    from torchvision.models import get_model

    class_names = get_dataset("digit_scenes").class_names
    categories = ["__background__", *reversed(class_names)]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = get_model(MODEL, weights=None, weights_backbone=None, num_classes=len(categories), aux_loss=True)
    directory = tmp_path_factory.mktemp("pretrained")
    with open_instance(directory) as instance:
        bench = build_workbench(directory, instance, "segmentation")
        published = publish(bench.settings.data_dir / "weights", network.state_dict())
        with few_scenes(), pytest.MonkeyPatch.context() as patch:
            url = f"https://localhost:9/{published.path.name}"
            use_published(patch, url=url, categories=categories)
            outcome = bench.materialize("dataset", "digit_scenes", CONFIG)
            assert outcome.success, outcome.error
            outcome = bench.materialize("model", PARTITION, CONFIG)
            assert outcome.success, outcome.error
        yield bench, outcome, published


@pytest.mark.slow
def test_variants_that_would_be_one_model_are_not_compared(audited: tuple[Workbench, RunOutcome, Published]) -> None:
    bench, _, _ = audited
    comparison = bench.read("variant_comparison", PARTITION)

    assert [item.variant for item in comparison.variants] == ["baseline"]
    assert comparison.verdict == "not compared"
    assert comparison.notes == [USED_AS_PUBLISHED]
    assert np.isfinite(comparison.result("baseline").metrics["mean_iou"])
    assert USED_AS_PUBLISHED in str(bench.latest("variant_comparison", PARTITION).metadata["notes"].value)
    facts = bench.read("audit_facts", PARTITION)
    assert USED_AS_PUBLISHED in facts.notes
    assert facts.is_used_as_published


@pytest.mark.slow
def test_the_final_model_is_the_published_one_and_its_card_says_so(
    audited: tuple[Workbench, RunOutcome, Published],
) -> None:
    bench, _, published = audited
    network = bench.read("retrained_model", PARTITION)

    assert network.card["notes"] == [USED_AS_PUBLISHED]
    assert network.card["parameters"]["shortest_side"] == 64
    assert "weights_dir" not in network.card["parameters"], "the model is the same wherever its weights were read"
    assert len(network.weights) > 200
    for name, values in network.weights.items():
        np.testing.assert_array_equal(values, published.values[name].numpy())


@pytest.mark.parametrize(
    ("dataset", "family", "model", "knows"),
    [
        ("penn_fudan_ped", "segmentation", MODEL, True),
        ("penn_fudan_ped", "segmentation", "maskrcnn_resnet50_fpn", True),
        ("penn_fudan_ped", "segmentation", "small_unet", False),
        ("penn_fudan_ped", "object_detection", "maskrcnn_resnet50_fpn", True),
        ("penn_fudan_ped", "object_detection", "small_detector", False),
        ("digit_scenes", "segmentation", MODEL, False),
        ("digit_scenes", "object_detection", "fasterrcnn_mobilenet_v3_large_fpn", False),
    ],
)
def test_a_model_is_used_as_published_where_its_weights_know_all_classes(
    dataset: str, family: str, model: str, *, knows: bool
) -> None:
    entry = get_dataset(dataset)
    context: Any = BuildContext(kinds=FeatureKinds.of(entry.columns), n_classes=len(entry.class_names), seed=0)
    assert is_used_as_published(PipelineFactory(family, model, context, {}), entry.class_names) is knows
