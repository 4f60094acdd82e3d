"""Every family can audit all rows as train rows, without test rows to compare variants on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cleanlab_assets.families.registry import FAMILIES
from cleanlab_assets.families.token_classification.training_set import TrainingSetSettings
from cleanlab_assets.orchestration.datasets import get_dataset

if TYPE_CHECKING:
    from cleanlab_assets.families.family import TaskFamily


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_training_set_may_do_without_test_rows(family: TaskFamily) -> None:
    training_set = next(step for step in family.steps if step.name == "training_set")
    assert training_set.settings is not None
    assert training_set.settings.model_validate({"test_fraction": 0.0}).model_dump()["test_fraction"] == 0.0
    with pytest.raises(ValueError, match="test_fraction"):
        training_set.settings.model_validate({"test_fraction": -0.1})


def test_sentences_to_validate_on_are_only_put_aside_with_those_to_test_on() -> None:
    own = replace(get_dataset("grammar_sentences"), parts=())
    for settings, expected in (
        (TrainingSetSettings(), (0.1, 0.2)),
        (TrainingSetSettings(test_fraction=0.0), (0.0, 0.0)),
        (TrainingSetSettings(test_fraction=0.0, validation_fraction=0.1), (0.1, 0.0)),
        (TrainingSetSettings(test_fraction=0.3), (0.1, 0.3)),
    ):
        found = settings.shares_aside(own)
        assert (found["validation_fraction"], found["test_fraction"]) == expected
