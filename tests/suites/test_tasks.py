"""Tasks of the suites: every one keeps the same contract, and is as hard as it says."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from paribus.data.dataset import PARTS, Split
from paribus.experiment.task import Task
from paribus.seeding import Streams
from paribus.spec import call, canonical, replace
from paribus.suites.tasks.adding import ADDING
from paribus.suites.tasks.autoencoding import AUTOENCODING, DENOISING
from paribus.suites.tasks.curve import CURVE
from paribus.suites.tasks.features import SOURCE, TARGET, UNRELATED
from paribus.suites.tasks.generated import in_turn
from paribus.suites.tasks.images import IMAGES, some_digits
from paribus.suites.tasks.interactions import INTERACTIONS
from paribus.suites.tasks.random_walk import RANDOM_WALK, nearest, random_walk
from paribus.suites.tasks.sequences import COUNT_ONES, DELAY, SEQUENCE_REVERSAL, WAVE
from paribus.suites.tasks.series import SERIES, load
from paribus.suites.tasks.tables import DIABETES, IRIS, WINE
from paribus.suites.tasks.tabular import TABULAR
from tests.helpers.refusals import refused

TASKS = {
    task.name: task
    for task in (
        TABULAR,
        IMAGES,
        SERIES,
        ADDING,
        RANDOM_WALK,
        CURVE,
        AUTOENCODING,
        DENOISING,
        IRIS,
        WINE,
        DIABETES,
        INTERACTIONS,
        TARGET,
        *(DELAY, COUNT_ONES, WAVE, SEQUENCE_REVERSAL),
    )
}


@pytest.fixture(scope="module", params=TASKS)
def task(request: pytest.FixtureRequest) -> Task:
    return TASKS[request.param]


@pytest.fixture(scope="module")
def split(task: Task) -> Split:
    return task.make_split(task.read(seed=0), Streams(0))


def _score(task: Task, split: Split, dummy: str, metric: int = 0) -> float:
    outputs = task.dummy[dummy](split)
    return float(task.metrics[metric].function(outputs, split.part("test").targets[0]).mean())


def _pointed(task: Task, path: Path) -> Task:
    return task.model_copy(update={"path": str(path)})


def test_a_task_is_plain_data_that_comes_back_from_its_text(task: Task) -> None:
    """All of it but the reasons of margins, which decide no number."""
    mute = {"margin_reason": "", "perfect": None}
    silent = task.model_copy(
        update={"metrics": tuple(metric.model_copy(update=mute) for metric in task.metrics)}
    )
    assert Task.model_validate_json(canonical(task)) == silent


def test_every_metric_has_a_margin_and_a_unit(task: Task) -> None:
    assert all(metric.margin and metric.unit for metric in task.metrics)


def test_reading_twice_gives_the_same_data(task: Task) -> None:
    first, again = task.read(seed=0), task.read(seed=0)
    assert first.digest == again.digest
    for a, b in zip((*first.inputs, *first.targets), (*again.inputs, *again.targets), strict=True):
        assert torch.equal(a, b)


def test_only_redrawn_data_depend_on_the_seed(task: Task) -> None:
    assert (task.read(seed=0).digest != task.read(seed=1).digest) is task.redrawn


def test_prepared_parts_are_finite_and_shaped_alike(split: Split) -> None:
    for name in PARTS:
        part = split.part(name)
        assert tuple(x.shape[1:] for x in part.inputs) == split.dataset.input_shapes
        assert all(x.isfinite().all() for x in (*part.inputs, *part.targets))
        assert len(part) == len(split.indices(name))
    assert not set(split.train.tolist()) & set(split.test.tolist())
    assert len(split.dataset.feature_axes) == len(split.dataset.inputs) == 1


def test_dummy_predictors_answer_in_the_shape_of_a_network(task: Task, split: Split) -> None:
    target = split.part("test").targets[0]
    for dummy in task.dummy.values():
        outputs = dummy(split)
        assert outputs.shape == (
            target.shape if target.ndim == 4 else (len(target), split.dataset.outputs)
        )
        assert outputs.is_floating_point()
        assert all(m.function(outputs, target).isfinite().all() for m in task.metrics)
        assert task.loss(outputs, target).shape == (len(split.test),)


def test_sizes_are_those_that_the_tasks_state() -> None:
    sizes = {}
    for name, task in TASKS.items():
        split = task.make_split(task.read(seed=3), Streams(3))
        sizes[name] = (split.dataset.input_shapes, *(len(split.indices(part)) for part in PARTS))
    assert sizes == {
        "tabular": (((30,),), 341, 115, 113),
        "images": (((1, 8, 8),), 1078, 360, 359),
        "series": (((96, 1),), 36_758, 2000, 2000),
        "adding": (((50, 2),), 32_000, 2000, 2000),
        "random_walk": (((1,),), 350, 75, 75),
        "curve": (((1,),), 256, 128, 512),
        "features": (((30,),), 200, 400, 1000),
        "delay": (((16, 1),), 2000, 500, 500),
        "count_ones": (((16, 1),), 2000, 500, 500),
        "wave": (((3,),), 2000, 500, 500),
        "sequence_reversal": (((6, 1),), 2000, 500, 500),
        "autoencoding": (((1, 8, 8),), 1078, 200, 200),
        "denoising": (((1, 8, 8),), 1078, 200, 200),
        "iris": (((4,),), 90, 30, 30),
        "wine": (((13,),), 107, 35, 36),
        "diabetes": (((10,),), 265, 89, 88),
        "interactions": (((10,),), 400, 200, 1000),
    }


def test_classes_are_named() -> None:
    assert TABULAR.read(seed=0).classes == ("malignant", "benign")
    assert IMAGES.read(seed=0).classes == tuple("0123456789")


def test_always_answering_the_prevalences_costs_their_entropy() -> None:
    """357 of 569 are benign: 0.660 nats; ten nearly even digits: ln 10 = 2.303 nats."""
    for task, entropy in ((TABULAR, 0.660), (IMAGES, 2.303)):
        split = task.make_split(task.read(seed=0), Streams(0))
        assert _score(task, split, "prior") == pytest.approx(entropy, abs=0.01)


def test_a_linear_model_finds_most_of_water() -> None:
    from sklearn.linear_model import LogisticRegression

    split = TABULAR.make_split(TABULAR.read(seed=0), Streams(0))
    train, test = split.part("train"), split.part("test")
    model = LogisticRegression(max_iter=1000).fit(train.inputs[0], train.targets[0])
    assert model.score(test.inputs[0], test.targets[0]) > 0.93


def test_the_load_can_be_forecast_better_than_naively() -> None:
    """A linear forecast beats the last value by more than the margin, and that beats yesterday's."""
    split = SERIES.make_split(SERIES.read(seed=0), Streams(0))
    train, test = split.part("train"), split.part("test")
    solution = torch.linalg.lstsq(train.inputs[0][::4].squeeze(-1), train.targets[0][::4]).solution
    error = float((test.inputs[0].squeeze(-1) @ solution - test.targets[0]).square().mean())
    margin = SERIES.primary.margin
    assert margin is not None
    assert (
        error + margin
        < _score(SERIES, split, "last_value")
        < _score(SERIES, split, "same_time_yesterday")
    )


def test_the_load_has_days_weeks_and_years() -> None:
    days = load().double().reshape(-1, 96)
    assert len(days) == 548
    hourly = days.mean(0)
    assert hourly[72] > hourly[32] > hourly[14]  # evening, morning, night
    weekend = torch.arange(548) % 7 >= 5
    assert days[~weekend].mean() > days[weekend].mean() + 2
    assert days[:30].mean() > days[170:200].mean() + 10


def test_interactions_are_friedmans_with_noise_of_unit_variance() -> None:
    """Least squares finds the coefficients 10, 20, 10 and 5, and nothing in the other five inputs.

    Of 1600 samples: standard errors are 0.03 to 0.3, and 0.035 of the variance of what is left.
    """
    data = INTERACTIONS.read(seed=4)
    x, y = data.inputs[0].double(), data.targets[0].double()
    parts = [(torch.pi * x[:, 0] * x[:, 1]).sin(), (x[:, 2] - 0.5).square(), x[:, 3], x[:, 4]]
    basis = torch.column_stack([*parts, x[:, 5:], torch.ones(len(x))])
    found = torch.linalg.lstsq(basis, y).solution
    assert found[:4, 0].tolist() == pytest.approx([10, 20, 10, 5], abs=1.2)
    assert found[4:, 0].tolist() == pytest.approx([0] * 6, abs=0.4)
    assert float((y - basis @ found).var()) == pytest.approx(1, abs=0.14)


def test_interactions_are_distributed_as_scikit_learns() -> None:
    """Mean and deviation of 1600 and of 20 000 samples, whose standard errors are 0.12 and 0.09 at most."""
    from sklearn.datasets import make_friedman1

    _, expected = make_friedman1(20_000, noise=1.0, random_state=0)
    found = INTERACTIONS.read(seed=4).targets[0]
    assert float(found.mean()) == pytest.approx(expected.mean(), abs=0.5)
    assert float(found.std()) == pytest.approx(expected.std(), abs=0.4)


def test_adding_is_what_it_says() -> None:
    data = ADDING.read(seed=5)
    values, markers = data.inputs[0].unbind(-1)
    assert torch.equal(markers[:, :25].sum(1), torch.ones(36_000))
    assert torch.equal(markers[:, 25:].sum(1), torch.ones(36_000))
    assert set(markers.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close((values * markers).sum(1), data.targets[0].squeeze(1))
    assert (float(values.min()) >= 0, float(values.max()) < 1) == (True, True)
    first = markers[:, :25].mean(0)
    assert first.min() > 0.03  # each step is marked about as often: 1/25 = 0.04


def test_answering_the_mean_on_adding_errs_by_one_sixth() -> None:
    """Over ten draws of 2000, whose standard error is 0.0011 (the fourth moment gives a deviation of 0.16)."""
    scores = [
        _score(ADDING, ADDING.make_split(ADDING.read(seed=seed), Streams(seed)), "mean_target")
        for seed in range(10)
    ]
    assert sum(scores) / 10 == pytest.approx(1 / 6, abs=5 * 0.0014)


def test_a_walk_adds_up_its_noise_and_white_noise_does_not() -> None:
    """The increments of the walk are the values of the noise: both are the same draw."""
    steps, noise = (random_walk(3, memory=memory).targets[0][:, 0] for memory in (1.0, 0.0))
    torch.testing.assert_close(steps.diff(), noise[1:], atol=1e-4, rtol=0)
    assert float(noise.var()) == pytest.approx(1, abs=0.2)  # 500 draws: a deviation of 0.063
    assert torch.equal(random_walk(3).inputs[0][:, 0], torch.arange(500.0))


def test_a_memory_that_is_no_share_is_refused() -> None:
    assert refused(random_walk, 0, memory=1.5) == (
        "memory of a series: got 1.5, expected a share from 0, white noise, to 1, a random walk. "
        "Give a number between 0 and 1."
    )


def _r_squared_of_the_nearest(seed: int, splitter: str, memory: float = 1.0) -> float:
    """Return the share of the test part's variance that the nearest training sample tells, by scikit-learn."""
    from sklearn.metrics import r2_score
    from sklearn.neighbors import KNeighborsRegressor

    task = replace(replace(RANDOM_WALK, "split", call(splitter)), "source.memory", memory)
    split = task.make_split(task.read(seed=seed), Streams(seed))
    train, test = split.part("train"), split.part("test")
    told = KNeighborsRegressor(1).fit(train.inputs[0], train.targets[0]).predict(test.inputs[0])
    return float(r2_score(test.targets[0], told))


def test_the_nearest_in_time_is_the_earlier_of_two() -> None:
    """Steps 1, 2 and 6 are known, and 4 lies as far from 2 as from 6."""
    data = random_walk(0, length=8)
    split = Split(data, torch.tensor([1, 2, 6]), torch.tensor([3]), torch.tensor([0, 4, 5, 7]))
    known = split.part("train").targets[0][:, 0].tolist()
    assert nearest(split)[:, 0].tolist() == [known[0], known[1], known[2], known[2]]


def test_the_nearest_in_time_knows_a_walk_at_random_and_not_by_time() -> None:
    """Known beforehand from other draws: .99 at random, -1.2 by time (a median), 20 of 20 seeds."""
    splits = ("paribus.data.splits:random_split", "paribus.data.splits:time_split")
    at_random, by_time = (
        [_r_squared_of_the_nearest(seed, split) for seed in range(20)] for split in splits
    )
    assert min(at_random) > 0.9
    assert np.median(by_time) < -0.5
    assert all(a > b + 0.5 for a, b in zip(at_random, by_time, strict=True))


def test_the_nearest_in_time_knows_nothing_of_white_noise() -> None:
    """Two independent draws of unit variance: 1 - 2/1 = -1 however they are split."""
    for split in ("paribus.data.splits:random_split", "paribus.data.splits:time_split"):
        found = [_r_squared_of_the_nearest(seed, split, memory=0.0) for seed in range(20)]
        assert np.mean(found) == pytest.approx(-1, abs=0.5)


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.redrawn])
def test_generated_tasks_read_no_file(name: str) -> None:
    assert refused(_pointed(TASKS[name], Path("sums.csv")).read, seed=0) == (
        f"data for task {name!r}: got sums.csv, expected no file: its data are generated anew for every seed. "
        "Leave the file out, or give it to a task that reads one, such as series."
    )


def test_a_table_of_ones_own_takes_the_place_of_water(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    with (tmp_path / "own.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["a", "b", "kind"])
        writer.writerows(
            [*torch.rand(2, generator=generator).tolist(), "xyz"[i % 3]] for i in range(60)
        )
    task = _pointed(TABULAR, tmp_path / "own.csv")
    split = task.make_split(task.read(seed=0), Streams(0))
    assert (split.dataset.classes, split.dataset.outputs) == (("x", "y", "z"), 3)
    assert _score(task, split, "prior", metric=1) == pytest.approx(1 / 3)


def _real(*names: str) -> Path:
    folder = os.environ.get("PARIBUS_DATA")
    if not folder:
        pytest.skip("PARIBUS_DATA names no folder of real data")
    return Path(folder).joinpath(*names)


@pytest.mark.real_data
def test_real_files_take_the_place_of_embedded_data() -> None:
    real = {
        TABULAR: _real("water", "water_potability.csv"),
        IMAGES: _real("clouds"),
        SERIES: _real("electricity", "electricity_train.csv"),
    }
    scores = {}
    for embedded, path in real.items():
        task = _pointed(embedded, path)
        split = task.make_split(task.read(seed=0), Streams(0))
        assert all(x.isfinite().all() for part in PARTS for x in split.part(part).inputs)
        scores[task.name] = [_score(task, split, dummy) for dummy in task.dummy]
    assert scores["tabular"] == pytest.approx([0.669], abs=0.005)
    assert scores["images"] == pytest.approx([1.84], abs=0.05)
    assert scores["series"] == pytest.approx([0.076, 0.83], abs=0.01)


@pytest.mark.parametrize(("sigma", "noise", "pca"), [(0.2, 14.0, 16.9), (0.4, 8.0, 13.6)])
def test_noise_and_pca_have_the_psnr_that_is_known(sigma: float, noise: float, pca: float) -> None:
    """-20 log10(sigma) dB of noise alone; PCA as measured elsewhere on the same digits."""
    task = replace(DENOISING, "perturb.sigma", sigma)
    split = task.make_split(task.read(seed=0), Streams(0))
    assert _score(task, split, "noisy_image") == pytest.approx(noise, abs=0.15)
    assert _score(task, split, "pca") == pytest.approx(pca, abs=0.3)


def test_images_of_a_folder_become_targets_between_zero_and_one(tmp_path: Path) -> None:
    from PIL import Image

    for name, levels in (("a", (0, 51)), ("b", (102, 255))):
        (tmp_path / name).mkdir()
        for level in levels:
            Image.new("L", (4, 4), level).save(tmp_path / name / f"{level}.png")
    data = _pointed(AUTOENCODING, tmp_path).read(seed=0)
    assert data.inputs[0] is data.targets[0]
    assert data.input_shapes == ((1, 16, 16),)
    assert sorted(data.inputs[0].amax((1, 2, 3)).tolist()) == pytest.approx([0, 0.2, 0.4, 1])
    assert data.classes == ()


@pytest.mark.parametrize("task", [SOURCE, UNRELATED], ids=["related", "unrelated"])
def test_no_linear_function_tells_the_classes_of_hidden_features(task: Task) -> None:
    """Six thousand samples of twelve classes: little more than the most frequent one's share."""
    from sklearn.linear_model import LogisticRegression

    split = task.make_split(task.read(seed=3), Streams(3))
    train, test = split.part("train"), split.part("test")
    model = LogisticRegression(max_iter=500).fit(train.inputs[0], train.targets[0])
    assert len(split.dataset.classes) == 12
    assert model.score(test.inputs[0], test.targets[0]) < 0.2


def _directions(task: Task) -> torch.Tensor:
    """Return the ten directions along which the classes' second moments differ most from those of all inputs."""
    data = task.read(seed=3)
    x, y = data.inputs[0].double(), data.targets[0]
    apart = [x[y == k].T @ x[y == k] / (y == k).sum() - x.T @ x / len(x) for k in y.unique()]
    return torch.linalg.eigh(sum(m @ m for m in apart)).eigenvectors[:, -10:]


def test_a_related_source_has_the_targets_features_and_an_unrelated_one_has_not() -> None:
    """Shares of one span in another; ten random directions of thirty share a third."""
    own = _directions(TARGET)
    related, unrelated = (
        (own.T @ _directions(task)).square().sum().item() / 10 for task in (SOURCE, UNRELATED)
    )
    assert related > 0.7
    assert unrelated < 0.5


def test_some_digits_are_classes_of_their_own() -> None:
    data = some_digits(5, 9)
    assert data.classes == tuple("56789")
    assert data.targets[0].unique().tolist() == [0, 1, 2, 3, 4]
    every = IMAGES.read(seed=0)
    assert torch.equal(data.inputs[0][data.targets[0] == 2], every.inputs[0][every.targets[0] == 7])


def test_parts_stand_one_after_the_other() -> None:
    assert in_turn(3, 1, 2).tolist() == [0, 0, 0, 1, 2, 2]
