"""The pages: verdict first, evidence after, provenance last, and nothing that the store does not know."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pandas
import pytest

from paribus.analysis.results import Result
from paribus.experiment.claim import Claim
from paribus.experiment.comparison import Budget
from paribus.experiment.factor import Factor
from paribus.experiment.suite import Suite
from paribus.experiment.task import Metric
from paribus.report import origins, provenance_tables, write
from paribus.report.method import command, fuller
from paribus.spec import call
from tests.helpers.handmade import FAILED, TASK, Bench, around, comparison, filled

NO_GPU = "no CUDA device was found"
CLAIMS = (
    Claim(name="C1", text="Adam wins.", variant="adam", relation="better", source="a book"),
    Claim(name="C2", text="RMSprop is no worse.", variant="rmsprop", relation="not_worse"),
)


@pytest.fixture
def page(tmp_path):
    """A function that writes results and reads the page back."""

    def read(*results, name: str = "hand") -> str:
        write(results, tmp_path / "out")
        return (tmp_path / "out" / f"{name}.md").read_text(encoding="utf-8")

    return read


def test_everything_is_written_the_index_first(store, tmp_path) -> None:
    written = write([filled(store).result()], tmp_path / "deep" / "out")
    names = ["README.md", "hand.md", "hand.csv", "hand.png"]
    assert [path.name for path in written] == names
    assert all(path.stat().st_size > 0 for path in written)
    assert len(pandas.read_csv(written[2])) == 30


def test_files_of_several_comparisons_and_devices_have_names_of_their_own(store, tmp_path) -> None:
    two = (comparison(name="one"), comparison(name="two", target=0.3))
    suite = Suite(name="hand", title="By hand", system="S0", comparisons=two)
    results = []
    for device in ("cpu", "cuda"):
        for each in two:
            bench = Bench(store, each, device=device)
            for name in ("sgd", "adam", "rmsprop"):
                bench.put(name, around(0.4))
            results.append(bench.result(suite=suite))
    written = {path.name for path in write(results, tmp_path) if path.suffix == ".png"}
    assert written == {
        "hand-one.png",
        "hand-two.png",
        "hand-one-cuda.png",
        "hand-two-cuda.png",
    }
    text = (tmp_path / "hand.md").read_text(encoding="utf-8")
    assert text.index("## one: ") < text.index("### On cuda") < text.index("## two: ")


def test_the_same_store_gives_the_same_bytes(store, tmp_path) -> None:
    bench = filled(store, claims=CLAIMS)
    first, second = (write([bench.result()], tmp_path / name) for name in ("a", "b"))
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes(), a.name


def test_verdicts_come_before_evidence_and_provenance_last(store, page) -> None:
    text = page(filled(store, claims=CLAIMS).result())
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == [
        "# By hand",
        "## Which optimizer is best?",
        "### On cpu, 10 paired seeds, budget `quick`",
        "#### Claims",
        "#### Other scores, and time",
        "#### Fairness ledger",
        "### What varied, and what was held equal",
        "### Data",
        "### How the verdicts were reached",
        "### Where the numbers come from",
    ]


def test_the_verdicts_are_told_in_a_sentence(store, page) -> None:
    assert (
        "Against **sgd** on log_loss (nats, lower is better): **better**: adam; "
        "**equivalent**: rmsprop." in page(filled(store).result())
    )


def test_the_legend_tells_the_direction_and_the_dummy_score(store, page) -> None:
    text = page(filled(store).result())
    assert "Difference: sgd minus variant, positive is better" in text
    assert "References without any network score: `prior` 0.700." in text


def test_claims_stand_with_answer_evidence_and_the_number_of_single_tests(store, page) -> None:
    text = page(filled(store, claims=CLAIMS).result())
    assert "| C1      | Adam wins.           | supported | verdict better" in text
    assert "1 of 2 rests on a single test at 5 % outside the family" in text
    assert "at most 0.05 would be expected to find false support" in text


def test_what_varied_and_what_was_held_equal_come_from_the_recipes(store, page) -> None:
    text = page(filled(store).result())
    assert "| variant   | recipe.optimizer    | recipe.optimizer.lr   | parameters   |" in text
    assert "| adam      | torch.optim:Adam    | 0.01                  | 17           |" in text
    held = text.partition("held equal</summary>")[2].partition("</details>")[0]
    assert "| recipe.batch_size " in held
    assert "| recipe.optimizer " not in held
    assert "- Train, validation and test samples of each seed" in text


def test_layers_have_their_output_their_parameters_and_a_total(store, page) -> None:
    text = page(filled(store).result())
    assert "Network of sgd, adam and rmsprop: 17 parameters" in text
    assert "| layer   | output of a sample   | weights            | parameters   |" in text
    assert "| Linear0 | 4                    | weight 4×2, bias 4 | 12           |" in text
    assert "| ReLU0   | 4                    |                    | 0            |" in text
    assert "| Linear1 | 1                    | weight 1×4, bias 1 | 5            |" in text
    assert "| total   |                      |                    | 17           |" in text


def test_a_layer_that_is_not_trained_is_said_to_be_frozen(store, page) -> None:
    bench = filled(store)
    layers = [dict(layer) for layer in bench.result().rows[0].known[0].layers]
    layers[0]["parameters"] = 0
    for seed in range(10):
        bench.perturb("adam", seed, layers=layers, parameters=5)
    text = page(bench.result())
    assert "Network of adam: 5 parameters that are trained" in text
    assert "| Linear0 | 4                    | weight 4×2, bias 4 | frozen       |" in text
    assert "Network of sgd and rmsprop: 17 parameters</summary>" in text


def test_broken_control_is_in_bold_and_withholds_verdicts(store, page) -> None:
    text = page(filled(store).perturb("adam", 3, hashes={"split": "x"}).result())
    assert "**Control broke, so verdicts are withheld" in text
    assert "- split of seed 3 differs between 'sgd' and 'adam'" in text
    assert "no verdict: adam and rmsprop" in text
    assert "**These should be equal between variants and are not all: see above.**" in text


def test_the_data_are_named_with_hash_parts_and_notes(store, page) -> None:
    text = page(filled(store).result())
    assert (
        "| points | made by hand | d      | 36         | 12           | 12     | low, high |"
        in text
    )
    assert "- 3 values filled" in text


def test_a_note_that_differs_by_seed_shows_the_range() -> None:
    runs = [["3 of 9 filled", "sorted"], ["7 of 9 filled", "sorted"], ["5 of 9 filled"]]
    assert origins.merged(runs) == [
        "3 to 7 of 9 filled (differs by seed)",
        "sorted (2 of 3 seeds)",
    ]


def test_a_note_of_one_variant_alone_names_it(store) -> None:
    bench = filled(store)
    for seed in range(10):
        bench.perturb("adam", seed, notes=("3 values filled", "made uneven"))
    assert origins.notes(bench.result()) == ["3 values filled", "adam: made uneven"]


@pytest.mark.parametrize(
    ("hashes", "told"),
    [
        (
            lambda seed: {"data": "d", "split": f"s{seed}"},
            "speak of this data set and not of new data",
        ),
        (lambda seed: {"data": f"d{seed}", "split": "s"}, "speak of new data of this kind"),
        (lambda _: {"data": "d", "split": "s"}, "speak of this split of this data set"),
    ],
)
def test_the_page_says_what_the_seeds_speak_of(store, page, hashes, told) -> None:
    bench = filled(store)
    for name in ("sgd", "adam", "rmsprop"):
        for seed in range(10):
            bench.perturb(name, seed, hashes=hashes(seed))
    assert told in page(bench.result())


def test_the_method_states_family_margin_and_least_seeds(store, page) -> None:
    text = page(filled(store).result())
    assert "The family is 2 contrasts with sgd on log_loss." in text
    assert "least number of seeds that can reach a verdict is 7." in text  # 2^(1-7) x 2 <= 0.05
    assert "`equivalent` needs the mean difference inside ±0.02 nats" in text
    assert "symmetric about zero" in text


CROSSED = {
    "factors": (
        Factor(path="recipe.optimizer.lr", levels={"low": 0.1, "high": 0.3}),
        Factor(path="recipe.batch_size", levels={"8": 8, "4": 4}),
    ),
    "baseline": ("low", "8"),
    "interaction_scale": "score",
}


@pytest.mark.parametrize(
    ("larger", "seeds", "told"),
    [
        (
            {"seeds": 29, "steps": 400},
            10,
            [
                "The budget `full` would give 29 seeds in place of 10 and 400 steps a run in place of 20."
            ],
        ),
        ({"seeds": 29, "steps": 20}, 10, ["The budget `full` would give 29 seeds in place of 10."]),
        ({"seeds": 29, "steps": 20}, 30, []),
        ({"seeds": 5, "steps": 20}, 10, []),
    ],
)
def test_the_method_says_what_a_larger_budget_would_add(larger, seeds, told) -> None:
    small = Budget(seeds=10, steps=20, seconds=1)
    budgets = {"quick": small, "full": Budget(seconds=9, **larger)}
    made = comparison(budgets=budgets)
    result = cast(
        "Result", SimpleNamespace(comparison=made, budget="quick", cap=None, seeds=range(seeds))
    )
    assert fuller(result) == told


def test_a_larger_budget_stands_on_the_page(store, page) -> None:
    budgets = {
        name: Budget(seeds=n, steps=20, seconds=1) for name, n in (("quick", 10), ("full", 29))
    }
    text = page(filled(store, budgets=budgets).result())
    assert "\n- The budget `full` would give 29 seeds in place of 10.\n" in text


def test_interactions_stand_in_a_table_of_their_own_with_their_scale(store, page) -> None:
    bench = Bench(store, comparison(**CROSSED))
    for name, loss in (("low × 8", 0.5), ("high × 8", 0.45), ("low × 4", 0.4), ("high × 4", 0.25)):
        bench.put(name, [x - loss * 0.001 * i for i, x in enumerate(around(loss))])
    text = page(bench.result())
    table = text.partition("#### Interactions\n\n")[2].partition("\n\n")[0].splitlines()
    assert table[0].startswith("| interaction   | difference of differences ")
    assert table[2].startswith("| high : 4      | 0.0995")
    assert table[2].endswith("| 10 of 10           | 0.008 | positive  |")
    assert "The family is 3 contrasts with low × 8 and 1 interaction on log_loss." in text
    assert "least number of seeds that can reach a verdict is 8." in text  # four contrasts
    assert "It was declared on the score itself; on another scale it may differ." in text


def test_a_page_of_new_data_says_so_and_how(store, page) -> None:
    text = page(filled(store, inference="population").result())
    assert "**This page speaks of new data**" in text
    assert "whose variance is 1/n + 0.333 in place of 1/n" in text
    assert "p: corrected t test, Holm-adjusted." in text
    assert "p comes from the corrected t test over the paired differences" in text
    assert "- Intervals are corrected t intervals" in text
    assert "sign-flip" not in text


def test_a_dummy_score_that_differs_between_variants_is_told_as_a_range(store, page) -> None:
    bench = filled(store)
    for seed in range(10):
        bench.perturb("adam", seed, dummy={"prior": {"log_loss": 0.5, "accuracy": 0.5}})
    text = page(bench.result())
    assert "References without any network score: `prior` 0.500 to 0.700, by variant." in text
    for name, loss in (("sgd", 0.6), ("adam", 0.3), ("rmsprop", 0.45)):
        prior = {"log_loss": 0.5 if name == "adam" else 0.7, "accuracy": 0.5}
        for seed in range(10):
            bench.perturb(name, seed, dummy={"prior": prior, "nearest": {"log_loss": loss}})
    text = page(bench.result())
    assert "0.700, by variant and `nearest` 0.300 to 0.600, by variant." in text


def test_a_later_look_is_called_one(store, page) -> None:
    bench = filled(store)
    bench.result()
    bench.seeds = 12
    for name, mean in (("sgd", 0.4), ("adam", 0.2), ("rmsprop", 0.3)):
        bench.put(name, around(mean, 12))
    text = page(bench.result())
    assert "**This is look number 2**: the result was looked at before with 10 seeds." in text
    assert "**better (exploratory)**: adam and rmsprop" in text


def test_an_interval_across_zero_beside_a_verdict_is_owned_up_to(store, page) -> None:
    """Ten gains, one of them far larger: unanimous signs, and a spread that widens the interval."""
    bench = filled(store)
    moved = [0.3, *[0.02] * 9]
    bench.put("adam", [a - b for a, b in zip(around(0.4), moved, strict=True)])
    result = bench.result()
    contrast = result.contrasts["adam"]
    assert contrast.difference.low < 0 < contrast.difference.high
    assert contrast.decision == "better"
    assert "For adam the interval holds zero although the verdict does not" in page(result)


def test_provenance_is_the_set_over_runs_and_the_command_makes_it_again(store, page) -> None:
    bench = filled(store)
    bench.perturb("adam", 0, provenance={"torch": "2.14.0", "commit": "def", "dirty": True})
    text = page(bench.result())
    assert "30 runs on cpu, digest of their keys `" in text
    assert "2.11.0 (29 runs), 2.14.0 (1 run)" in text
    assert "abc (29 runs), def, with uncommitted changes (1 run)" in text
    assert (
        "pytest benchmarks --benchmark-only -k hand --paribus-seeds 10 --paribus-budget quick "
        "--paribus-device cpu --paribus-engine loop\n" in text
    )


@pytest.mark.parametrize(
    ("engines", "told"),
    [
        (("loop", "loop", "loop"), " --paribus-engine loop"),
        (("stacked", "stacked", "stacked"), " --paribus-engine stacked"),
        (("stacked-compiled",) * 3, " --paribus-engine stacked"),
        (("loop", "stacked", "stacked"), ""),
    ],
)
def test_the_command_names_the_engine_that_trained_every_run(store, engines, told) -> None:
    result = filled(store).result()
    rows = tuple(
        replace(row, runs=tuple(replace(run, engine=engine) for run in row.runs))
        for row, engine in zip(result.rows, engines, strict=True)
    )
    assert command(replace(result, rows=rows)).endswith(f" --paribus-device cpu{told}")


def test_the_command_says_what_verdicts_speak_of(store) -> None:
    result = filled(store, inference="population").result()
    assert command(result).endswith(" --paribus-inference population")
    assert "--paribus-inference" not in command(filled(store).result())


def test_the_page_says_that_the_loop_is_timed(store, page) -> None:
    text = page(filled(store).result())
    assert "always a step of the loop, whichever engine trained" in text
    assert "the ratios compare them and the microseconds need not" in text


def test_a_users_file_is_named_without_its_folder(store, page, tmp_path) -> None:
    path = str(tmp_path / "private" / "patients.csv")
    task = TASK.model_copy(update={"path": path, "target": "outcome"})
    bench = filled(store, task=task)
    text = page(bench.result(failures={"adam": f"could not read {path}"}))
    assert "--paribus-data points=patients.csv --paribus-target points=outcome" in text
    assert "could not read patients.csv" in text
    assert str(tmp_path) not in text
    assert "task.source" not in text


def test_a_failed_row_shows_why_and_no_number(store, page) -> None:
    text = page(filled(store).result(failures={"adam": "boom"}))
    main, other, _ledger, varied = (
        line for line in text.splitlines() if line.startswith("| adam ")
    )
    assert "failed: boom" in main
    assert not any(c.isdigit() for c in main + other)
    assert "0.01" in varied


def test_a_half_trained_comparison_says_how_far_it_came(store, page, tmp_path) -> None:
    bench = Bench(store).put("sgd", around(0.4)).put("adam", around(0.2)[:7])
    text = page(bench.result())
    assert "not run (7 of 10 seeds)" in text
    assert "no verdict: adam and rmsprop" in text
    index = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "- hand on cpu, adam: not run (7 of 10 seeds)" in index
    assert "- hand on cpu, rmsprop: not run" in index


def test_nothing_trained_is_a_page_too(store, page) -> None:
    text = page(Bench(store).result())
    assert "No pair of runs is there to compare by hash." in text
    assert "### Data" not in text


def test_a_skipped_device_is_named_on_page_and_index(store, page, tmp_path) -> None:
    bench = filled(store, claims=CLAIMS)
    gpu = Bench(store, bench.comparison, device="cuda")
    text = page(bench.result(), gpu.result(skipped=NO_GPU))
    assert f"### On cuda\n\nSkipped on cuda: {NO_GPU}." in text
    index = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert f"- cuda: {NO_GPU} (hand)" in index


def test_a_page_of_a_skipped_device_alone_has_no_verdicts(store, page) -> None:
    text = page(Bench(store, device="cuda").result(skipped=NO_GPU))
    assert f"Skipped on cuda: {NO_GPU}." in text
    assert "| verdict" not in text


def test_diverged_runs_have_a_table_of_their_own(store, page) -> None:
    text = page(filled(store).put("adam", [FAILED, *around(0.2)[1:]]).result())
    assert "#### Runs that did not complete" in text
    assert "1 of 10 diverged" in text


def test_the_index_holds_every_verdict_and_claim(store, page, tmp_path) -> None:
    page(filled(store, claims=CLAIMS).result())
    index = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "## [By hand](hand.md)" in index
    assert "| adam      | 0.200 ± 0.021 | 0.200 [0.200, 0.200] " in index
    assert "| 10 of 10 | 0.004 | better " in index
    assert "| hand on cpu | C1      | Adam wins." in index


def test_the_index_begins_with_all_suites_in_the_order_of_their_systems(store, tmp_path) -> None:
    bench = filled(store, claims=CLAIMS)
    results = []
    for name, system in (("last", ""), ("tenth", "S10"), ("second", "S2")):
        made = Suite(name=name, title=name.title(), system=system, comparisons=(bench.comparison,))
        results.append(replace(bench.result(), suite=made))
    write([*results, replace(results[2], skipped=NO_GPU, device="cuda")], tmp_path)
    index = (tmp_path / "README.md").read_text(encoding="utf-8")
    lines = index.partition("## Contents")[2].strip().splitlines()[2:5]
    assert [line.split("|")[1].strip() for line in lines] == ["S2", "S10", "—"]
    assert [cell.strip() for cell in lines[0].split("|")[2:-1]] == [
        "[Second](second.md)",
        "1",
        "1 better, 1 equivalent",
        "C1; C2",
    ]


def test_a_device_on_which_nothing_ran_is_not_told_comparison_by_comparison(
    store, tmp_path
) -> None:
    bench = filled(store)
    gpu = Bench(store, bench.comparison, device="cuda").result(skipped=NO_GPU)
    suites = [gpu.suite.model_copy(update={"name": name}) for name in ("one", "two")]
    skipped = [replace(gpu, suite=suite) for suite in suites]
    write([*skipped, replace(bench.result(), suite=suites[0])], tmp_path / "all")
    assert f"- cuda: {NO_GPU} (all 2 comparisons)" in (tmp_path / "all" / "README.md").read_text()
    write([skipped[0], replace(bench.result(), suite=suites[1])], tmp_path / "one")
    assert f"- cuda: {NO_GPU} (hand)" in (tmp_path / "one" / "README.md").read_text()


def test_a_page_says_what_its_claims_measures_are(store, page) -> None:
    measure = call("paribus.analysis.measures:parameters")
    made = CLAIMS[0].model_copy(update={"measure": measure, "higher_is_better": False})
    text = page(filled(store, claims=(made,)).result())
    assert "\n\n- `parameters`: how many numbers the variant trains.\n\n" in text


def test_no_results_are_said_to_be_none(tmp_path) -> None:
    (start,) = write([], tmp_path)
    assert start.read_text(encoding="utf-8") == "# Results\n\nNothing was run.\n"


def counts(predictions, classes):
    """A row for each set of predictions."""
    return [{"variant": v, "runs": len(p), "classes": len(classes)} for v, p in predictions.items()]


def right(outputs, target, classes, *, weight: float) -> float:
    """Share of right answers, times a weight."""
    del classes
    return weight * float((outputs.argmax(1) == target).mean())


def test_shared_runs_reach_an_extra_table_once_under_the_levels_that_made_them(store, page) -> None:
    crossed = comparison(
        metric=Metric(name="right", function=call(right, weight=1.0), higher_is_better=True),
        factors=(
            Factor(path="recipe.optimizer.lr", levels={"slow": 0.1, "fast": 0.2}),
            Factor(path="metric.function.weight", levels={"whole": 1.0, "half": 0.5}),
        ),
        baseline=("slow", "whole"),
        tables={"How many": call(counts)},
    )
    bench = Bench(store, crossed)
    for name in ("slow × whole", "fast × whole"):
        bench.put(name, around(0.4)).predict(name, [[2, 1], [1, 2]], [0, 0])
    text = page(bench.result())
    table = text.partition("#### How many\n\n")[2].partition("\n\n")[0].splitlines()
    assert table[2:] == [
        "| slow      | 10     | 2         |",
        "| fast      | 10     | 2         |",
    ]
    assert "No margin was declared for this metric" in text
    assert "Network of slow and fast: 17 parameters" in text


def sequence(store, adam: int = 10) -> Result:
    """A sequence of twelve seeds in which adam stops at nine, and rmsprop is open still."""
    bench = Bench(store, comparison(claims=CLAIMS), seeds=12)
    bench.put("sgd", around(0.4, 12)).put("adam", around(0.2, adam))
    bench.put("rmsprop", [x + 0.01 * (-1) ** i for i, x in enumerate(around(0.4, 12))])
    runs = {v.name: bench.runs(v.name) for v in bench.comparison.variants()}
    runs["adam"] = runs["adam"][:adam]
    return bench.result(runs=runs, cap=12)


def test_a_page_of_a_sequence_says_how_it_stopped_and_what_that_forbids(store, page) -> None:
    text = page(sequence(store))
    assert "### On cpu, a sequence of 12 paired seeds, budget `quick`" in text
    assert "**Seeds were added until the evidence was there**, up to 12" in text
    assert "variants have 10 to 12 seeds" in text
    assert "ever reaches 40 in any of them with a chance of at most 5 %" in text
    assert "seeds that can stop one are 9." in text
    assert "9 of 9, share 0.5" in text
    assert "| undecided (open after 12 seeds) |" in text
    assert "a mean without an interval" in text
    assert "sign-flip" not in text
    assert "--paribus-sequential --paribus-cap 12 --paribus-budget quick" in text


def test_a_sequence_answers_claims_by_its_verdicts_alone(store, page) -> None:
    text = page(sequence(store))
    assert "| C1      | Adam wins.           | supported | verdict better" in text
    assert "withheld: in a sequence of seeds only verdicts answer claims" in text


def test_a_sequence_is_written_whole_though_its_rows_differ_in_length(store, tmp_path) -> None:
    written = write([sequence(store)], tmp_path)
    assert all(path.stat().st_size > 0 for path in written)
    assert len(pandas.read_csv(tmp_path / "hand.csv")) == 34


def test_a_call_that_one_variant_lacks_is_shown_as_a_whole(store) -> None:
    """Two calls and none: one column, each variant with its own, though the two differ in a part alone."""
    levels = {
        "blank": call("paribus.data.perturbations:zero_input", input=0),
        "given": None,
        "shuffled": call("paribus.data.perturbations:shuffle_input", input=0),
    }
    factor = Factor(path="task.perturb", levels=levels)
    bench = Bench(store, comparison(factors=(factor,), baseline=("blank",)))
    for name in levels:
        bench.put(name, around(0.4))
    lines = provenance_tables.varied_lines(bench.result())
    assert [(line["variant"], line["task.perturb"]) for line in lines] == [
        ("blank", "blank(input=0)"),
        ("given", "none"),
        ("shuffled", "shuffled(input=0)"),
    ]
    assert all(line.keys() == {"variant", "task.perturb", "parameters"} for line in lines)
