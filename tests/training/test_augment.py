"""Augmentation: named draws, raw training samples alone, and what is refused."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2

from paribus.data.dataset import Standardizer
from paribus.errors import ParibusError
from paribus.seeding import Streams
from paribus.spec import Call, call
from paribus.training.augment import Augmentation, try_augmentation
from paribus.training.batch_order import batches
from paribus.training.loop import Training, train
from tests.helpers.refusals import refused

FLIP = call("torchvision.transforms.v2:RandomHorizontalFlip", p=0.5)
TURN = call("torchvision.transforms.v2:RandomRotation", degrees=45)
CNN = call("paribus.models.cnn:CNN", channels=[2, 3])


def same(sample: Tensor) -> Tensor:
    return sample


def shorter(sample: Tensor) -> Tensor:
    return sample[..., 1:]


def plain(sample: Tensor) -> list[float]:
    return sample.flatten().tolist()


def noisy(sample: Tensor) -> Tensor:
    return sample + torch.randn(sample.shape)


def images(count: int = 16) -> Tensor:
    return torch.rand(count, 1, 6, 6, generator=torch.Generator().manual_seed(0))


def changed(*transforms: Call, step: int = 0, seed: int = 0) -> Tensor:
    return Augmentation(transforms, Streams(seed))(images(), step)


def test_each_sample_has_a_draw_of_its_own() -> None:
    """Flipped by hand: each sample is itself or its mirror image, and both happen."""
    x, found = images(), changed(FLIP)
    flipped = [not torch.equal(a, b) for a, b in zip(x, found, strict=True)]
    expected = [a.flip(-1) if f else a for a, f in zip(x, flipped, strict=True)]
    assert torch.equal(found, torch.stack(expected))
    assert 0 < sum(flipped) < 16


def test_they_are_those_of_torchvision() -> None:
    streams = Streams(3)
    found = Augmentation((TURN,), streams)(images(), 5)
    with torch.random.fork_rng():
        torch.manual_seed(streams.number("noise", "augment", "RandomRotation", 0, 5))
        turn = v2.RandomRotation(45)
        expected = torch.stack([turn(x) for x in images()])
    assert torch.equal(found, expected)


def test_draws_depend_on_seed_step_and_transform_and_on_nothing_else() -> None:
    first = changed(FLIP)
    torch.rand(1)
    assert torch.equal(first, changed(FLIP))
    assert not torch.equal(first, changed(FLIP, step=1))
    assert not torch.equal(first, changed(FLIP, seed=1))
    assert not torch.equal(changed(FLIP, FLIP), images())


def test_one_more_transform_shifts_nobodys_draws() -> None:
    """Noise before the flip: the same samples are mirrored."""
    mirrored = [not torch.equal(a, b) for a, b in zip(images(), changed(FLIP), strict=True)]
    noise, both = changed(call(noisy)), changed(call(noisy), FLIP)
    expected = [x.flip(-1) if flip else x for x, flip in zip(noise, mirrored, strict=True)]
    assert torch.equal(both, torch.stack(expected))


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    changed(call(noisy), TURN)
    assert torch.equal(before, torch.get_rng_state())


def test_a_transform_that_changes_nothing_changes_no_bit(tiny) -> None:
    one = tiny["images"]
    records = [train(one.run(CNN, augment=a), one.make_split()) for a in ((), (call(same),))]
    assert records[0].scores == records[1].scores
    assert records[0].curves["validation/loss"] == records[1].curves["validation/loss"]


def test_raw_training_samples_are_changed_and_then_prepared(tiny) -> None:
    """Two steps written out: noise on the raw image, then the preparation that was fitted without noise."""
    one = tiny["images"]
    run, split = one.pair(CNN, augment=(call(noisy),), steps=2)
    training = Training(run, split)
    network = copy.deepcopy(training.network)
    training.advance(2)
    raw = split.dataset.inputs[0][split.train]
    affine = Standardizer.fit(raw, 1)
    augment, order = Augmentation((call(noisy),), run.streams), batches(len(raw), 8, run.streams)
    for step in range(2):
        index = next(order)
        x = affine(augment(raw[index], step)).double()
        loss = run.task.loss(network(x), split.part("train").targets[0][index]).mean()
        gradients = torch.autograd.grad(loss, list(network.parameters()))
        for p, g in zip(network.parameters(), gradients, strict=True):
            p.data -= 0.1 * g
    for a, b in zip(training.network.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_validation_and_test_are_not_changed(tiny) -> None:
    """Before the first step, scores are those without augmentation."""
    one = tiny["images"]
    records = [train(one.run(CNN, augment=a), one.make_split()) for a in ((), (call(noisy),))]
    plain_curve, noisy_curve = (r.curves["validation/loss"] for r in records)
    assert plain_curve[0] == noisy_curve[0]
    assert plain_curve[-1] != noisy_curve[-1]


def test_the_first_of_several_inputs_is_changed(tiny) -> None:
    one = tiny["pairs"]
    model = call("paribus.models.branches:TwoInputs", channels=2, embedding=3, second=2)
    records = [train(one.run(model, augment=a), one.make_split()) for a in ((call(same),), (TURN,))]
    assert records[0].scores != records[1].scores


@pytest.mark.parametrize(
    ("transform", "got"),
    [
        (shorter, "(1, 6, 5) of torch.float32"),
        (torch.Tensor.double, "(1, 6, 6) of torch.float64"),
        (plain, "list"),
    ],
)
def test_a_transform_that_keeps_neither_shape_nor_type_is_refused(transform, got) -> None:
    named = call("torch:Tensor.double") if transform is torch.Tensor.double else call(transform)
    assert refused(changed, named) == (
        f"augmentation {named.target.rpartition(':')[2]}: got {got} from (1, 6, 6) of torch.float32, expected a "
        "sample of the same shape and type. Use a transform that keeps them, such as RandomCrop with padding."
    )


def test_a_misfit_is_told_before_anything_is_trained(tiny) -> None:
    case = tiny["table"]
    try_augmentation((call(same),), case.dataset, Streams(0))
    with pytest.raises(ParibusError):
        try_augmentation((call(shorter),), case.dataset, Streams(0))
