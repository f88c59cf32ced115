"""Of which columns a higher value is better, by their names."""

from __future__ import annotations

import pytest

from meticulous.query.direction import better


@pytest.mark.parametrize(
    "name",
    "summary_val_acc summary_accuracy metrics_acc_max summary_test_f1 summary_f1_macro summary_roc_auc "
    "summary_auroc metrics_episode_reward summary_score summary_bleu summary_BLEU4 summary_r2 "
    "summary_testAccuracy summary_acc1 summary_time_to_accuracy summary_val/acc summary_test.f1".split(),
)
def test_better_high(name: str) -> None:
    assert "higher" == better(name, {})


@pytest.mark.parametrize(
    "name",
    "summary_loss metrics_val_loss_min summary_error summary_perplexity summary_time duration "
    "summary_train_runtime summary_accuracy_time summary_valLoss".split(),
)
def test_better_low(name: str) -> None:
    assert "lower" == better(name, {})


@pytest.mark.parametrize(
    "name",
    "summary_iou summary_steps args_lr summary_place summary_timesteps summary_terror".split(),
)
def test_nobody_knows(name: str) -> None:
    assert better(name, {}) is None


@pytest.mark.parametrize("said", ["summary_val_loss", "val_loss"])
def test_what_is_said_goes_before_what_is_known(said: str) -> None:
    assert "higher" == better("summary_val_loss", {said: "higher"})
    assert "higher" == better("summary_val_loss_min", {said: "higher"})
