"""Suites: every comparison and every variant keeps the same contract."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import torch

import paribus.suites
from paribus import Comparison, Dataset, Split, Suite, Task
from paribus.experiment.variant import Variant, differences, within
from paribus.runs.fingerprint import calls
from paribus.runs.run import Outcome, Run, RunResult, data_digest
from paribus.seeding import Streams
from paribus.spec import canonical, digest, replace
from paribus.stats import min_seeds
from paribus.suites import NAMES, SUITES
from paribus.suites.__main__ import catalogue

COMPARISONS = {f"{suite.name}-{c.name}": c for suite in SUITES for c in suite.comparisons}
# Less data than a page rests on, so that every variant is trained in a moment.
SMALL = {
    "series": {"source.window": 24, "split.max_evaluated": 50, "dummy.same_time_yesterday.lag": 24},
    "adding": {"source.train": 100, "source.validation": 20, "source.test": 20},
}


@pytest.fixture(params=COMPARISONS)
def comparison(request: pytest.FixtureRequest) -> Comparison:
    return COMPARISONS[request.param]


def cases() -> Iterator[tuple[str, Comparison, Variant]]:
    """Every training that the suites ask for: variants that differ in the metric alone share one."""
    for name, comparison in COMPARISONS.items():
        trainings = {canonical((v.task, v.recipe)): v for v in reversed(comparison.variants())}
        yield from ((f"{name}-{v.name}", comparison, v) for v in trainings.values())


def small(task: Task) -> Task:
    """Return the same task on less data."""
    for path, value in SMALL.get(task.name, {}).items():
        if not path.startswith("dummy.") or path.split(".")[1] in task.dummy:
            task = replace(task, path, value)
    return task


@cache
def dataset(task: Task) -> Dataset:
    return task.read(seed=0)


# What is meant to fail, and may do so within three steps.
MAY_DIVERGE = ("too_large-twice it", "rates-10 ×", "rates-3.2 ×")


def prepared(variant: Variant, diagnostics: tuple = ()) -> tuple[Run, Split]:
    """Three steps of a variant with seed 0, and its split."""
    task = small(variant.task)
    # Splits differ between variants; the data that they split are read once.
    data = dataset(replace(task, "split", COMPARISONS["optimizers-optimizers"].task.split))
    recipe = replace(replace(variant.recipe, "steps", 3), "evaluate_every", 3)
    if recipe.start is not None:
        recipe = replace(replace(recipe, "start.recipe.steps", 3), "start.recipe.evaluate_every", 3)
    run = Run(task, recipe, 0, data_digest(task, data), diagnostics=diagnostics)
    return run, task.make_split(data, Streams(0))


def numbers(record: RunResult) -> list[float]:
    """Return the numbers of a finished record.

    There is no training loss and no step before the first one, and no ratio of gradients where all units have died.
    """
    free = {"gradient_ratio", "update_norm", "effective_step"}
    scores = [x for name, x in record.scores.items() if name not in free]
    curves = [
        x for name, c in record.curves.items() if name not in {*free, "train/loss"} for x in c
    ]
    return [*scores, *curves, *record.curves["train/loss"][1:]]


def test_no_variant_is_called_what_a_page_says_where_there_is_none(comparison: Comparison) -> None:
    """A page that says "equivalent: none" says that nothing is."""
    assert not {"none", "yes", "no"} & {variant.name for variant in comparison.variants()}


@pytest.mark.parametrize(
    ("comparison", "variant"), [pytest.param(c, v, id=name) for name, c, v in cases()]
)
def test_every_variant_trains_and_is_scored(comparison: Comparison, variant: Variant) -> None:
    """Three steps on real data: every score and diagnostic is there and finite, claims on them included."""
    from paribus.training.loop import train

    run, split = prepared(variant, comparison.diagnostics)
    record = train(run, split)
    if f"{comparison.name}-{variant.name}".startswith(MAY_DIVERGE):
        assert record.outcome in (Outcome.completed, Outcome.diverged)
        return
    assert (record.outcome, record.reason) == (Outcome.completed, "")
    assert {m.name for m in variant.task.metrics} <= record.scores.keys()
    assert all(map(math.isfinite, numbers(record)))
    assert record.dummy.keys() == variant.task.dummy.keys()
    assert record.predictions is not None
    if comparison.metric is not None:
        outputs, target = record.predictions.outputs, record.predictions.target
        score = variant.metric.function(outputs, target, list(split.dataset.classes))
        assert 0 <= score <= 1


def test_variants_share_split_order_and_the_weights_whose_shapes_match(
    comparison: Comparison,
) -> None:
    """Unless they are the factor: another split where that varies, other weights where initialisers do."""
    from paribus.training.network import build, weight_digests

    first: dict[str, object] | None = None
    for variant in comparison.variants():
        run, split = prepared(variant)
        found = {"split": split.digest, "train": len(split.train)}
        found |= weight_digests(build(run.recipe, split.dataset, run.streams))
        first = first or found
        ours = {name for name in found.keys() & first.keys() if found[name] != first[name]}
        free = {"recipe.init": ("", ".weight"), "task.split": ("", "")}
        allowed = [
            tokens
            for root, tokens in free.items()
            if any(within(p, root) for p in comparison.paths)
        ]
        assert all(any(a in name and b in name for a, b in allowed) for name in ours), ours


def test_the_baseline_is_a_variant_and_comes_first(comparison: Comparison) -> None:
    variants = comparison.variants()
    assert variants[0].levels == comparison.baseline
    assert len({v.name for v in variants}) == len(variants) >= 2


def test_variants_differ_at_the_factors_paths_and_nowhere_else(comparison: Comparison) -> None:
    baseline, *others = comparison.variants()
    for variant in others:
        paths = differences(baseline, variant)
        assert paths
        assert all(any(within(p, root) for root in comparison.paths) for p in paths)


def test_claims_are_stated_and_name_variants_and_recorded_scores(comparison: Comparison) -> None:
    names = {v.name for v in comparison.variants()}
    assert comparison.claims or any(s.claims for s in SUITES if comparison in s.comparisons)
    for claim in comparison.claims:
        assert claim.variant in names
        assert claim.reference in names | {None}
        assert claim.alone or claim.variant != (claim.reference or comparison.variants()[0].name)
        assert claim.text.endswith(".")
        assert claim.source


def test_claims_that_need_a_margin_have_one(comparison: Comparison) -> None:
    margins = {m.name: m.margin for m in (*comparison.task.metrics, comparison.primary)}
    for claim in comparison.claims:
        if claim.relation in ("equivalent", "not_worse"):
            assert claim.margin or margins[claim.metric or comparison.primary.name]


def test_counts_and_clocks_are_claimed_as_facts(comparison: Comparison) -> None:
    """They are no sample: every seed counts the same, and a clock is that of one machine."""
    numbers = ("parameters", "weights_a_step", "step_ratio")
    for claim in comparison.claims:
        counted = claim.metric or (claim.measure.target.partition(":")[2] if claim.measure else "")
        assert bool(claim.fact) == (counted in numbers), claim.text


def test_claims_on_other_scores_say_which_direction_is_better(comparison: Comparison) -> None:
    metrics = {m.name for m in (*comparison.task.metrics, comparison.primary)}
    for claim in comparison.claims:
        named = claim.metric not in metrics | {None, "steps_to_target"}
        if named and not claim.alone and claim.relation != "identical":
            assert claim.higher_is_better is not None, claim.metric


DEAR = {
    "alphabet",
    "augmentation",
    "gan",
    "weights",
}  # trained one by one, 20 seconds and more each


@pytest.mark.parametrize("budget", ["quick", "full"])
def test_budgets_have_seeds_enough_for_a_verdict(comparison: Comparison, budget: str) -> None:
    """As many as one contrast of the family needs, and not many more; in full 29, or 12 where a training is dear."""
    family = len(comparison.variants()) - 1
    seeds = comparison.budgets[budget].seeds
    assert seeds >= min_seeds(family)
    ranked = comparison.name in ("capped", "wide")  # which of two is ahead takes more seeds
    full = 12 if comparison.name in DEAR else 29
    assert seeds == full if budget == "full" or ranked else seeds <= 12
    assert comparison.budgets["quick"].steps <= comparison.budgets[budget].steps
    assert comparison.at(budget).recipe.steps == comparison.budgets[budget].steps


def test_all_quick_budgets_fit_into_twelve_minutes() -> None:
    """As estimated on two cores, installing left out, with a minute for timing steps and writing pages."""
    assert sum(c.budgets["quick"].seconds for c in COMPARISONS.values()) < 660


def test_every_callable_can_be_found(comparison: Comparison) -> None:
    found = [c for spec in (comparison, *comparison.variants()) for c in calls(spec)]
    assert len(found) > 5
    for named in found:
        assert callable(named.resolve()), named.target


def test_a_comparison_comes_back_from_its_text(comparison: Comparison) -> None:
    """Variants and the hashes of their settings, too; the reasons of margins are remarks, which no text has."""
    text = canonical(comparison)
    again = Comparison.model_validate_json(text)
    assert canonical(again) == text
    assert again.diff(comparison) == {}
    hashes = [{v.name: digest(v) for v in c.variants()} for c in (again, comparison)]
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_a_suite_comes_back_from_its_text(suite: Suite) -> None:
    assert Suite.model_validate(json.loads(canonical(suite))).diff(suite) == {}


def test_names_differ_and_are_words_that_can_be_selected() -> None:
    """By ``-k``, which takes words."""
    for names in ([s.name for s in SUITES], [c.name for s in SUITES for c in s.comparisons]):
        assert len(set(names)) == len(names)
        assert all(name.isidentifier() for name in names)


def test_the_modules_are_named_as_their_suites() -> None:
    assert list(NAMES) == [suite.name for suite in SUITES]


def test_the_catalogue_describes_the_suites() -> None:
    """Else write it again: python -m paribus.suites > suites/catalogue.json."""
    written = Path(paribus.suites.__file__).with_name("catalogue.json").read_text(encoding="utf-8")
    assert written == catalogue()


def test_reading_leaves_the_global_generator_alone(comparison: Comparison) -> None:
    before = torch.get_rng_state()
    prepared(comparison.variants()[0])
    assert torch.equal(before, torch.get_rng_state())


def test_a_comparison_that_scores_the_end_of_training_says_why() -> None:
    """Of those that score the best weights a search alone does: its best trial is what it is asked for."""
    kept = {
        (suite.name, c.name): (c.recipe.keep, bool(c.keep_reason))
        for suite in SUITES
        for c in suite.comparisons
    }
    assert {name for name, (keep, told) in kept.items() if keep == "last" and not told} == set()
    assert {s for (s, _), (keep, told) in kept.items() if keep == "best" and told} == {"search"}
