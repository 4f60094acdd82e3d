from __future__ import annotations

import numpy as np
import pytest

from cleanlab_assets.methods.cross_validation import fit_seconds_of, hold_out_each_fold


def test_each_row_is_held_out_once_and_learnt_from_in_all_other_folds() -> None:
    folds = hold_out_each_fold(np.array([2, 0, 2, 5]))

    assert [fold.name for fold in folds] == [0, 2, 5]
    assert [fold.held_out.tolist() for fold in folds] == [
        [False, True, False, False],
        [True, False, True, False],
        [False, False, False, True],
    ]
    assert all((fold.others == ~fold.held_out).all() for fold in folds)


def test_rows_of_no_fold_are_held_out_last_and_learnt_from_in_no_fold() -> None:
    folds = hold_out_each_fold(np.array([-1, 0, 1, -1]))

    assert [fold.name for fold in folds] == [0, 1, -1]
    assert [fold.others.tolist() for fold in folds] == [
        [False, False, True, False],
        [False, True, False, False],
        [False, True, True, False],
    ]
    assert folds[-1].held_out.tolist() == [True, False, False, True]


def test_nothing_is_learnt_from_rows_of_weight_zero_which_are_held_out_as_others_are() -> None:
    folds = hold_out_each_fold(np.array([0, 0, 1, 1, -1]), np.array([1.0, 0.0, 0.5, 2.0, 0.0]))

    assert [fold.others.tolist() for fold in folds] == [
        [False, False, True, True, False],
        [True, False, False, False, False],
        [True, False, True, True, False],
    ]
    assert folds[0].held_out.tolist() == [True, True, False, False, False]
    with pytest.raises(ValueError, match="all rows outside fold 0 have weight 0"):
        hold_out_each_fold(np.array([0, 1]), np.array([1.0, 0.0]))


@pytest.mark.parametrize(("folds", "found"), [([], 0), ([3, 3, 3], 1), ([-1, 3, -1], 1)])
def test_fewer_than_two_folds_are_refused(folds: list[int], found: int) -> None:
    with pytest.raises(ValueError, match=f"at least two folds, got {found}"):
        hold_out_each_fold(np.array(folds))


def test_only_a_fit_takes_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 12.5])
    monkeypatch.setattr("cleanlab_assets.methods.cross_validation.perf_counter", lambda: next(clock))
    folds = hold_out_each_fold(np.array([0, 1]))

    with folds[1].time_fit():
        pass

    assert fit_seconds_of(folds) == (0.0, 2.5)
