"""Losses and scores of a sample, against the textbook."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from paribus.experiment.named_metric import metric
from paribus.metrics import (
    CLIP,
    accuracy,
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


def numbers(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


TARGET = torch.tensor([0, 1, 2, 2, 1, 0, 0])


def test_log_loss_is_minus_the_log_of_the_true_classs_share() -> None:
    logits = numbers(7, 3)
    shares = logits.exp() / logits.exp().sum(1, keepdim=True)
    expected = [-math.log(shares[i, k]) for i, k in enumerate(TARGET.tolist())]
    torch.testing.assert_close(log_loss(logits, TARGET), torch.tensor(expected).double())


def test_log_loss_of_one_logit_is_that_of_two() -> None:
    """One logit ``z`` of the second class is the pair ``(0, z)``."""
    z, target = numbers(7, 1), TARGET.clamp(max=1)
    pair = torch.cat((torch.zeros_like(z), z), 1)
    torch.testing.assert_close(log_loss(z, target), log_loss(pair, target), rtol=0, atol=1e-15)
    torch.testing.assert_close(accuracy(z, target), accuracy(pair, target))


@pytest.mark.parametrize("z", [800.0, -800.0])
def test_log_loss_of_a_sure_mistake_is_finite(z: float) -> None:
    logit, wrong = torch.tensor([[z]]), torch.tensor([int(z < 0)])
    assert log_loss(logit, wrong).item() == 800.0
    assert log_loss(logit, 1 - wrong).item() == 0.0


def test_predicted_classes_and_accuracy_by_hand() -> None:
    logits = torch.tensor([[0.1, 0.3, 0.2], [5.0, -1.0, 4.0], [0.0, 0.0, 1.0]])
    assert predicted_class(logits).tolist() == [1, 0, 2]
    assert accuracy(logits, torch.tensor([1, 1, 2])).tolist() == [1.0, 0.0, 1.0]
    one = torch.tensor([[0.3], [-0.2], [0.0]])
    assert predicted_class(one).tolist() == [1, 0, 0]


def test_squared_error_is_a_mean_over_the_outputs_of_a_sample() -> None:
    outputs, target = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [3.0, 0.0]])
    assert squared_error(outputs, target).tolist() == [2.5, 4.5]


@pytest.mark.parametrize("function", [log_loss, accuracy])
def test_scores_keep_one_number_a_sample(function) -> None:
    for outputs in (numbers(7, 3), numbers(7, 1), numbers(7, 3).float()):
        score = function(outputs, TARGET.clamp(max=outputs.shape[1] - 1 or 1))
        assert (score.shape, score.dtype) == ((7,), outputs.dtype)


def test_means_of_the_losses_are_torchs_own() -> None:
    logits, values = numbers(7, 3), numbers(7, 2)
    torch.testing.assert_close(
        log_loss(logits, TARGET).mean(), nn.CrossEntropyLoss()(logits, TARGET)
    )
    error = squared_error(values, values.flip(0)).mean()
    torch.testing.assert_close(error, nn.MSELoss()(values, values.flip(0)))


SECOND = torch.tensor([0, 1, 1, 0, 1, 0, 1])


def test_one_of_several_outputs_is_scored_by_its_own_target() -> None:
    a, b = numbers(7, 3), numbers(7, 1)
    scores = output_log_loss((a, b), TARGET, SECOND, output=1, target=1)
    torch.testing.assert_close(scores, log_loss(b, SECOND))
    scores = output_accuracy((a, b), TARGET, SECOND, output=0, target=0)
    torch.testing.assert_close(scores, accuracy(a, TARGET))
    torch.testing.assert_close(output_log_loss(a, TARGET), log_loss(a, TARGET))


def test_weighted_log_loss_is_the_weighted_sum() -> None:
    a, b = numbers(7, 3), numbers(7, 1)
    scores = weighted_log_loss((a, b), TARGET, SECOND, weights=[0.25, 3.0])
    torch.testing.assert_close(scores, log_loss(a, TARGET) / 4 + 3 * log_loss(b, SECOND))


def test_an_auxiliary_output_may_have_the_target_of_another() -> None:
    a, b = numbers(7, 3), numbers(7, 3).flip(0)
    scores = weighted_log_loss((a, b), TARGET, weights=[1.0, 0.5], of=[0, 0])
    torch.testing.assert_close(scores, log_loss(a, TARGET) + log_loss(b, TARGET) / 2)


def test_a_weight_of_zero_leaves_an_output_without_a_gradient() -> None:
    """Not even one of zeros, and an output that is not finite does no harm."""
    a, b = numbers(7, 3).requires_grad_(), torch.full((7, 1), torch.inf, requires_grad=True)
    weighted_log_loss((a, b), TARGET, SECOND, weights=[1.0, 0.0]).sum().backward()
    assert a.grad is not None
    assert a.grad.isfinite().all()
    assert b.grad is None


def test_labels_are_told_one_by_one() -> None:
    """Against the textbook: minus the log of the share that was given to what holds, mean over labels."""
    logits, target = numbers(7, 2), torch.stack((SECOND, 1 - SECOND), 1).double()
    shares = 1 / (1 + (-logits).exp())
    each = -(torch.where(target == 1, shares, 1 - shares)).log()
    torch.testing.assert_close(label_log_loss(logits, target), each.mean(1))
    scores = label_log_loss(logits, target, weights=[3.0, 1.0])
    torch.testing.assert_close(scores, (3 * each[:, 0] + each[:, 1]) / 4)
    right = ((shares > 0.5) == (target == 1)).double()
    torch.testing.assert_close(label_accuracy(logits, target), right.mean(1))


def test_the_squared_error_of_an_image_is_the_mean_over_its_pixels() -> None:
    a, b = numbers(3, 2, 4, 4), torch.zeros(3, 2, 4, 4).double()
    torch.testing.assert_close(squared_error(a, b), a.square().sum((1, 2, 3)) / 32)


@pytest.mark.parametrize(
    ("error", "peak", "decibels"), [(0.1, 1.0, 20.0), (0.5, 1.0, 6.0206), (25.5, 255.0, 20.0)]
)
def test_psnr_is_ten_logarithms_of_the_peaks_square_over_the_error(error, peak, decibels) -> None:
    """Errors of a tenth of the peak everywhere give 20 dB, of one half 20 log10(2) = 6.02."""
    image = torch.full((2, 1, 3, 3), peak / 2, dtype=torch.float64)
    scores = psnr(image + error, image, peak=peak)
    torch.testing.assert_close(scores, torch.full((2,), decibels).double(), atol=1e-4, rtol=0)


def test_psnr_of_a_copy_is_finite() -> None:
    image = numbers(2, 1, 3, 3)
    assert psnr(image, image).tolist() == [100.0, 100.0]


def test_a_clipped_log_loss_is_that_of_clipped_probabilities() -> None:
    """As scikit-learn clips: a probability of zero costs -log(clip), one of one -log(1 - clip)."""
    two = torch.tensor([[800.0, 0.0], [0.0, 800.0], [0.5, 0.0]], dtype=torch.float64)
    target = torch.tensor([0, 0, 1])
    p = two.softmax(1)[range(3), target].clamp(1e-4, 1 - 1e-4)
    for outputs in (two, (two[:, 1:] - two[:, :1])):
        assert torch.allclose(log_loss(outputs, target, clip=1e-4), -p.log(), rtol=1e-12)
    assert log_loss(two, target)[1] == 800.0
    assert log_loss(two, target, clip=1e-4)[1].item() == pytest.approx(9.21034037)
    nan = torch.full((1, 2), float("nan"))
    assert log_loss(nan, torch.tensor([0]), clip=1e-4).isnan().all()


def test_labels_and_outputs_are_clipped_one_by_one() -> None:
    outputs = torch.tensor([[50.0, 0.0]], dtype=torch.float64)
    target = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    expected = (-math.log(1e-4) + math.log(2)) / 2
    assert label_log_loss(outputs, target, clip=1e-4).item() == pytest.approx(expected)
    both = (outputs, outputs)
    wrong = output_log_loss(
        both, torch.tensor([1]), torch.tensor([1]), output=1, target=1, clip=1e-4
    )
    assert wrong.item() == pytest.approx(-math.log(1e-4))


def test_log_loss_by_name_is_clipped_and_can_be_told_otherwise() -> None:
    assert metric("log_loss").function.kwargs == {"clip": CLIP}
    assert metric("log_loss", clip=0.0).function.kwargs == {"clip": 0.0}
