"""Known answers: their assumptions, and that a sound installation almost never has a red one."""

from __future__ import annotations

import torch

from paribus.calibration.known_answers import (
    FAILED,
    absent_false_alarm,
    seen_false_alarm,
    share_false_alarm,
)
from paribus.metrics.diagnostics import all_zero_output
from paribus.runs.fingerprint import calls
from paribus.seeding import Streams
from paribus.suites import SUITES
from paribus.suites.known_answers import KNOWN_ANSWERS
from paribus.suites.tasks.images import digits
from paribus.suites.tasks.line import LINE, line
from paribus.suites.tasks.relabelled import RELABELLED, relabelled_digits

MOST = 0.001
GROUP = 0.01


def false_alarm(known_answer) -> float:
    """Return the largest chance that a sound bench fails it."""
    n = known_answer.seeds
    if known_answer.kind == "seen":
        return seen_false_alarm(known_answer.measured, n)
    if known_answer.kind == "share":
        return share_false_alarm(known_answer.expected, known_answer.low, known_answer.high, n)
    return absent_false_alarm(n) if known_answer.kind == "absent" else 0.0


def test_no_control_fails_by_chance_more_than_once_in_a_thousand_runs() -> None:
    """And no more than one run in a hundred has a red one."""
    chances = {known_answer.name: false_alarm(known_answer) for known_answer in KNOWN_ANSWERS}
    assert {name: x for name, x in chances.items() if x > MOST} == {}
    assert sum(chances.values()) <= GROUP


def test_names_differ_and_there_are_effects_to_be_seen_and_effects_that_must_not() -> None:
    names = [known_answer.name for known_answer in KNOWN_ANSWERS]
    assert len(set(names)) == len(names)
    kinds = {known_answer.kind for known_answer in KNOWN_ANSWERS}
    assert kinds == {"seen", "share", "absent", "identical"}


def test_every_callable_can_be_found_and_every_score_is_one_that_runs_record() -> None:
    for known_answer in KNOWN_ANSWERS:
        assert all(callable(named.resolve()) for named in calls(known_answer.comparison))
        known = {m.name for m in known_answer.comparison.task.metrics} | {FAILED}
        assert known_answer.score in known | {None, "gradient_ratio@0", "silent@0"}


def test_controls_are_no_suite_so_that_they_have_no_verdicts() -> None:
    suites = {comparison.name for suite in SUITES for comparison in suite.comparisons}
    assert not suites & {known_answer.comparison.name for known_answer in KNOWN_ANSWERS}


def test_the_share_of_dead_networks_is_what_counting_signs_gives() -> None:
    """A layer of four dies where four signs are negative, one case of sixteen; one of twenty layers is enough."""
    (known_answer,) = (c for c in KNOWN_ANSWERS if c.name == "born-dead")
    alive = 1.0
    for _layer in known_answer.comparison.recipe.model.kwargs["hidden"]:
        alive *= 15 / 16
    assert abs(known_answer.expected - (1 - alive)) < 1e-12
    assert f"{known_answer.expected:.3f}" == "0.725"


def test_a_line_keeps_its_sign() -> None:
    data = line()
    split = LINE.make_split(data, Streams(0))
    part = split.part("train")
    assert all((x > 0).all() for x in part.inputs)
    assert torch.equal(part.inputs[0], part.targets[0])


def test_silence_is_zero_for_every_sample() -> None:
    part = LINE.make_split(line(), Streams(0)).part("train")
    network = torch.nn.Sequential(torch.nn.Linear(1, 2, bias=False), torch.nn.ReLU())
    with torch.no_grad():
        network[0].weight.fill_(-1.0)
    assert all_zero_output(network, part, LINE.loss) == {"silent": 1.0}
    with torch.no_grad():
        network[0].weight[0] = 1e-20
    assert all_zero_output(network, part, LINE.loss) == {"silent": 0.0}


def test_relabelled_digits_keep_images_and_prevalences_and_permute_a_share() -> None:
    true = digits()
    none, half, every = (relabelled_digits(seed=3, share=share) for share in (0.0, 0.5, 1.0))
    assert torch.equal(none.targets[0], true.targets[0])
    for data in (half, every):
        assert torch.equal(data.inputs[0], true.inputs[0])
        assert torch.equal(data.targets[0].bincount(), true.targets[0].bincount())
        assert data.digest != true.digest
    kept = [(d.targets[0] == true.targets[0]).double().mean().item() for d in (half, every)]
    assert abs(kept[0] - 0.55) < 0.03, (
        "half are left alone, a tenth of the others meet their own label"
    )
    assert abs(kept[1] - 0.1) < 0.03
    assert not torch.equal(every.targets[0], relabelled_digits(seed=4).targets[0])
    assert RELABELLED.redrawn
