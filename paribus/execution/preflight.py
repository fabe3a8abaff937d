"""Checks before anything long starts: unknown tasks, networks that do not fit, rules of seeds that do not hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import torch

from paribus.data.dataset import Dataset
from paribus.errors import ParibusError, error_context
from paribus.execution.executor import dataset_of
from paribus.execution.network_check import check_network, refuse_missing_arguments
from paribus.execution.optimizer_check import check_optimizer
from paribus.execution.pool import one_thread
from paribus.execution.repeat_check import check_repeats
from paribus.execution.score_check import check_scores
from paribus.experiment.comparison import Comparison
from paribus.experiment.task import Task
from paribus.experiment.tuning import applied
from paribus.experiment.variant import Variant
from paribus.seeding import Streams
from paribus.spec import call, digest
from paribus.training.augment import try_augmentation
from paribus.training.determinism import deterministic_algorithms
from paribus.training.evaluate import dummy_outputs
from paribus.training.network import build
from paribus.training.pretrained import named_weights

if TYPE_CHECKING:
    from paribus.execution.cases import Case
    from paribus.execution.study import Study


# Stands in for an optimizer where networks are told apart.
ANY = call("torch.optim:SGD")


def check_before_training(study: Study, cases: Sequence[Case]) -> None:
    """Read the data of cases and try every network once.

    Raises:
        ParibusError: an option names an unknown task, data cannot be used, or a network does not fit.
    """
    chosen = {(case.suite, case.comparison) for case in cases}
    declared = [
        c
        for name, suite in study.suites.items()
        for c in suite.comparisons
        if (name, c.name) in chosen
    ]
    _refuse_unknown_tasks(study, [comparison.task.name for comparison in declared])
    arms = {case.arm_key: study.arm(case) for case in cases}.values()
    tuned = {(arm.suite.name, arm.comparison.name) for arm in arms if arm.tuned}
    tried: set[str] = set()
    scored: set[str] = set()
    with one_thread():
        for name, arm in {(arm.suite.name, arm.comparison.name): arm for arm in arms}.items():
            refuse_undrawn(arm.comparison)
            seeds = study.seeds(arm.comparison)
            if (split := digest((arm.comparison.task, list(seeds)))) not in tried:
                refuse_seeds_without_a_class(arm.comparison.task, seeds)
                tried.add(split)
            if study.settings.sequential:
                refuse_unsequential(arm.comparison)
            models = [v.recipe.model for v in arm.variants]
            for variant in arm.variants:
                _try_new(variant, tried, deterministic=study.settings.deterministic)
                check_scores(variant, scored)
                check_repeats(variant, tried, paired=models.count(variant.recipe.model) > 1)
                if name in tuned:
                    first = first_trial(variant, arm.comparison)
                    _try_new(first, tried, deterministic=study.settings.deterministic)


def _refuse_unknown_tasks(study: Study, tasks: Iterable[str]) -> None:
    names = sorted(set(tasks))
    settings = study.settings
    for option, given in (("data", settings.data), ("target", settings.targets)):
        for task in given.keys() - set(names):
            raise ParibusError(
                f"task in --paribus-{option}",
                got=repr(task),
                expected=f"one of {', '.join(names)}",
                fix="Name a task of a selected suite.",
            )


def _try_new(variant: Variant, tried: set[str], *, deterministic: bool) -> None:
    """Try a variant, of those that differ in their optimizer alone the first; every one makes its optimizer."""
    name = digest((variant.task, variant.recipe.model_copy(update={"optimizer": ANY})))
    if name not in tried:
        try_once(variant, deterministic=deterministic)
        tried.add(name)
    check_optimizer(variant)


def refuse_seeds_without_a_class(task: Task, seeds: Iterable[int]) -> None:
    """Refuse data that cannot be split for a seed, before any seed is trained; where each draws its data, the first.

    Raises:
        ParibusError: what the split says, and of which seed.
    """
    for seed in [*seeds][: 1 if task.redrawn and not task.from_file else None]:
        dataset = dataset_of(task, seed)
        try:
            task.make_split(dataset, Streams(seed))
        except ParibusError as error:
            raise ParibusError(
                error.what,
                got=f"{error.got} at seed {seed}",
                expected=error.expected,
                fix=error.fix,
            ) from None


def refuse_undrawn(comparison: Comparison) -> None:
    """Refuse to speak of new data where seeds do not redraw the test part, as a series cut by time does not.

    Raises:
        ParibusError: names the comparison.
    """
    if not comparison.corrected:
        return
    for task in {variant.task for variant in comparison.variants()}:
        dataset = dataset_of(task, 0)
        first, second = (task.make_split(dataset, Streams(seed)).test for seed in range(2))
        if torch.equal(first, second):
            raise ParibusError(
                f"what comparison {comparison.name!r} speaks of",
                got="new data, and a test part that is the same for every seed",
                expected="a split that is drawn anew: a series speaks of new data by rolling origins",
                fix="Leave --paribus-inference population out, or select other suites.",
            )


def refuse_unsequential(comparison: Comparison) -> None:
    """Refuse a sequence of seeds where its rule does not hold: of new data, or of winners that later seeds may change.

    Raises:
        ParibusError: names the comparison.
    """
    shared = comparison.tuning is not None and comparison.tuning.shared
    if comparison.corrected or shared:
        raise ParibusError(
            f"a sequence of seeds of comparison {comparison.name!r}",
            got="a search that all seeds share" if shared else "verdicts of new data",
            expected="seeds that say what they say whichever come after them, of this data set",
            fix="Leave --paribus-sequential out, or select other suites.",
        )


def first_trial(variant: Variant, comparison: Comparison) -> Variant:
    """Return a variant as its first trial of seed 0 sets it."""
    assert comparison.tuning is not None, "only what is tuned has trials"
    space = comparison.tuning.space_of(variant.name, variant.levels)
    values = space.draw(Streams(0, variant.recipe.salt), 0)
    return variant.model_copy(update={"recipe": applied(variant.recipe, values)})


def try_once(variant: Variant, *, deterministic: bool = False) -> None:
    """Pass batches through a variant's network and loss, so that a misfit is reported before anything long starts.

    Args:
        variant: that is tried.
        deterministic: whether operations are refused that have no deterministic form.

    Raises:
        ParibusError: the data cannot be split, the network or the loss raises an error, or outputs and targets do not
            fit each other.
    """
    dataset = dataset_of(variant.task, 0)
    streams = Streams(0, variant.recipe.salt)
    split = variant.task.make_split(dataset, streams)
    refuse_missing_arguments(variant, dataset)
    refuse_made_losses(variant.task)
    algorithms = deterministic_algorithms(f"variant {variant.name!r}", wanted=deterministic)
    with misfit_error_context(variant, dataset), algorithms:
        try_augmentation(variant.recipe.augment, dataset, streams)
        network = build(variant.recipe, dataset, streams)
        named_weights(variant.recipe, network)
        check_network(variant, network, dataset, split.part("train"))
        dummy_outputs(variant.task, split)


def refuse_made_losses(task: Task) -> None:
    """Refuse a class of losses where the loss itself is wanted: its constructor would be given the outputs.

    Raises:
        ParibusError: names the class.
    """
    loss = task.loss.resolve()
    if isinstance(loss, type):
        raise ParibusError(
            f"loss {task.loss.label}",
            got=f"the class {loss.__name__}, which makes a loss",
            expected="a function (outputs, targets) that returns the loss of each sample, (sample,)",
            fix="Name a function, such as call('torch.nn.functional:cross_entropy', reduction='none'), or write one "
            f"that calls {loss.__name__}(reduction='none')(outputs, targets).",
        )


def misfit_error_context(variant: Variant, dataset: Dataset) -> AbstractContextManager[None]:
    """Turn whatever a variant's network, loss or optimizer raise into an error that names the variant."""
    return error_context(
        f"variant {variant.name!r} on {dataset.name}",
        expected=f"a network that takes inputs of shape {dataset.input_shapes} and puts out "
        f"{' and '.join(map(str, dataset.output_sizes))} number(s) a sample",
        fix="Change recipe.model or the task's loss so that they fit the data.",
    )
