"""Scores of predictions, and diagnostics of networks in training."""

from __future__ import annotations

from paribus.metrics.per_sample import (
    CLIP,
    accuracy,
    brier,
    label_accuracy,
    label_log_loss,
    log_loss,
    output_accuracy,
    output_log_loss,
    predicted_class,
    psnr,
    squared_error,
    weighted_log_loss,
)

__all__ = [
    "CLIP",
    "accuracy",
    "brier",
    "label_accuracy",
    "label_log_loss",
    "log_loss",
    "output_accuracy",
    "output_log_loss",
    "predicted_class",
    "psnr",
    "squared_error",
    "weighted_log_loss",
]
