"""Scores that tasks share, as they stand in the keys of runs: a word changed here retires what was trained."""

from __future__ import annotations

import pytest

from paribus.spec import canonical
from paribus.suites.tasks.metrics import accuracy, log_loss, mse, of_output, squared_error


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        (
            log_loss(0.05),
            '{"function":{"kwargs":{"clip":0.0001},"target":"paribus.metrics:log_loss"},"higher_is_better":false,'
            '"margin":0.05,"name":"log_loss","unit":"nats"}',
        ),
        (
            accuracy(0.02),
            '{"function":{"kwargs":{},"target":"paribus.metrics:accuracy"},"higher_is_better":true,'
            '"margin":0.02,"name":"accuracy","unit":"share"}',
        ),
        (
            mse(0.01),
            '{"function":{"kwargs":{},"target":"paribus.metrics:squared_error"},"higher_is_better":false,'
            '"margin":0.01,"name":"mse","unit":"variances of the training part"}',
        ),
        (
            squared_error("regret", 0.002, "squared shares"),
            '{"function":{"kwargs":{},"target":"paribus.metrics:squared_error"},"higher_is_better":false,'
            '"margin":0.002,"name":"regret","unit":"squared shares"}',
        ),
        (
            of_output(accuracy(0.02), 1, "alphabet_accuracy"),
            '{"function":{"kwargs":{"output":1,"target":1},"target":"paribus.metrics:output_accuracy"},'
            '"higher_is_better":true,"margin":0.02,"name":"alphabet_accuracy","unit":"share"}',
        ),
    ],
)
def test_a_shared_metric_is_written_in_full(metric, text) -> None:
    assert canonical(metric) == text


def test_the_score_of_one_output_keeps_its_name_where_none_is_given() -> None:
    assert of_output(log_loss(0.1), 0).name == "log_loss"


def test_a_score_of_one_output_exists() -> None:
    for metric in (log_loss(0.1), accuracy(0.1)):
        assert callable(of_output(metric, 0).function.resolve())
