"""Pages: answer first, evidence after, provenance last, and nothing that is not in the store."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas
import pytest

from paribus import Budget, Claim, Factor, Metric, Suite, call
from paribus.analysis.claims import ClaimResult
from paribus.analysis.hypothesis_tests import Answer
from paribus.analysis.results import Result
from paribus.experiment.primary_score import scored_comparison
from paribus.report import method, provenance_tables, settings_tables, write
from paribus.report.index import index
from paribus.report.method import claims_note, command
from tests.helpers.handmade import FAILED, TASK, Bench, around, comparison, filled

NO_GPU = "no CUDA device was found"
CLAIMS = (
    Claim(name="C1", text="Adam wins.", variant="adam", relation="better", source="a book"),
    Claim(name="C2", text="RMSprop is no worse.", variant="rmsprop", relation="not_worse"),
)


@pytest.fixture
def page(tmp_path):
    """Return a function that writes results and reads the page and its details back."""

    def read(*results, name: str = "hand") -> str:
        write(results, tmp_path / "out")
        files = (f"{name}.md", f"{name}-details.md")
        return "\n".join((tmp_path / "out" / file).read_text(encoding="utf-8") for file in files)

    return read


def test_the_command_names_the_score_that_was_asked_for(store) -> None:
    bench = filled(store)
    bench.comparison = scored_comparison(bench.comparison, "accuracy")
    assert "--paribus-metric accuracy" in command(bench.result())
    assert "--paribus-metric" not in command(filled(store).result())


def test_everything_is_written_the_index_first(store, tmp_path) -> None:
    written = write([filled(store).result()], tmp_path / "deep" / "out")
    names = ["README.md", "hand.md", "hand-details.md", "hand.csv"]
    names += ["hand-contrasts.png", "hand.png", "method.md", "result_set.json"]
    assert [path.name for path in written] == names
    assert all(path.stat().st_size > 0 for path in written)
    assert len(pandas.read_csv(written[3])) == 30


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
    stems = ("hand-one", "hand-two", "hand-one-cuda", "hand-two-cuda")
    assert written == {f"{stem}{kind}.png" for stem in stems for kind in ("", "-contrasts")}
    text = (tmp_path / "hand.md").read_text(encoding="utf-8")
    assert text.index("## one\n") < text.index("On cuda: 10 paired") < text.index("## two\n")


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
        "## hand",
        "### [Claims](method.md#claims)",
        "# By hand: details",
        "## hand",
        "### What varied",
        "### [Other scores and time](method.md#budget-and-time), on cpu",
        "### [Budget](method.md#budget-and-time) of each variant, on cpu",
        "### [Fragility](method.md#fragility) of each direction, on cpu",
        "### [Other margins](method.md#margins), on cpu",
        "## Settings held equal",
        "## Network of sgd, adam and rmsprop: 17 parameters",
        "## Data",
        "## How the verdicts were reached",
        "## Where the numbers come from",
    ]


def test_the_first_line_answers_the_question(store, page) -> None:
    assert page(filled(store).result()).splitlines()[2] == (
        "**Which optimizer is best?** Test log_loss of the best weights in 20 steps, 10 seeds: adam is clearly better "
        "than sgd (0.200 against 0.400); rmsprop is equivalent to sgd (no difference beyond the margin of 0.02 nats). "
        "Median steps to a validation log_loss of 0.4: adam 20, rmsprop never and sgd never."
    )


def test_every_link_to_the_method_leads_to_a_section_of_it(store, page, tmp_path) -> None:
    """By GitHub's rule for headings; docs/ holds the same text."""
    crossed = Bench(store, comparison(**CROSSED))
    for name in ("low × 8", "high × 8", "low × 4", "high × 4"):
        crossed.put(name, around(0.4))
    text = page(filled(store, claims=CLAIMS).result()) + page(crossed.result())
    explained = (tmp_path / "out" / "method.md").read_text(encoding="utf-8")
    assert explained == Path("docs/method.md").read_text(encoding="utf-8") == method.text()
    headings = re.findall("^## (.+)$", explained, flags=re.MULTILINE)
    linked = set(re.findall(r"\(method\.md#([\w-]+)\)", text))
    assert linked
    assert linked <= {heading.lower().replace(" ", "-") for heading in headings}


def test_the_legend_tells_the_direction_and_the_dummy_score(store, page) -> None:
    text = page(filled(store).result())
    assert "Difference: sgd minus variant, positive is better" in text
    assert "Without any network: `prior` 0.700 ± 0." in text


def test_the_means_of_the_second_metric_stand_below_the_table(store, page) -> None:
    """Runs that diverged have none; one that ended without it, such as a class that is absent, counts in none."""
    bench = filled(store).put("rmsprop", [FAILED] * 10)
    bench.perturb("adam", 0, scores={"log_loss": 0.2, "accuracy": 0.5})
    bench.perturb("adam", 1, scores={"log_loss": 0.2, "accuracy": FAILED})
    text = page(bench.result())
    line = "Beside it, means of accuracy (share, higher is better): sgd 0.900 and adam 0.856."
    assert line in text.splitlines()
    assert text.index("| adam ") < text.index(line) < text.index("Without any network")


def test_without_a_second_metric_nothing_stands_beside_the_first(store, page) -> None:
    task = TASK.model_copy(update={"metrics": TASK.metrics[:1]})
    assert "Beside it" not in page(filled(store, task=task).result())


def test_claims_stand_with_answer_evidence_and_the_number_of_single_tests(store, page) -> None:
    text = page(filled(store, claims=CLAIMS).result())
    assert "| C1      | Adam wins.           | supported | verdict clearly better" in text
    assert (
        "1 of 2 rests on a [single test](method.md#claims) at 5 %: expected false supports at most 0.05, each at "
        "2.5 %, or 5 % where equivalent or no worse is claimed." in text
    )


def test_single_tests_are_counted_with_the_chance_of_the_side_that_is_claimed() -> None:
    """A two-sided test errs on either side with half of its 5 %, and a one-sided one with all of it."""
    wins, no_worse = (ClaimResult(c, Answer.supported, "", single=True) for c in CLAIMS)
    assert "expected false supports at most 0.05," in claims_note([wins, wins])
    assert "expected false supports at most 0.075," in claims_note([wins, no_worse])
    assert "expected false supports at most 0.175," in claims_note([wins] * 7)


def test_where_no_claim_rests_on_a_single_test_the_family_or_nothing_errs() -> None:
    wins = ClaimResult(CLAIMS[0], Answer.supported, "")
    assert claims_note([wins, wins]) == (
        "No claim here rests on a [single test](method.md#claims): they take the family's verdict, and any false one "
        "in a family has a chance of at most 5 %."
    )
    same = Claim(name="C3", text="Equal.", variant="adam", relation="identical")
    assert claims_note([ClaimResult(same, Answer.supported, "")]) == (
        "No claim here rests on a [single test](method.md#claims): what they say is read off."
    )


def test_what_varied_and_what_was_held_equal_come_from_the_recipes(store, page) -> None:
    text = page(filled(store).result())
    assert "| variant   | recipe.optimizer    | recipe.optimizer.lr   | parameters   |" in text
    assert "| adam      | torch.optim:Adam    | 0.01                  | 17           |" in text
    held = text.partition("## Settings held equal")[2].partition("##")[0]
    assert "| recipe.batch_size " in held
    assert "| recipe.optimizer " not in held
    assert "recipe.init, recipe.augment" in held.partition("| not set ")[2].partition("\n")[0]
    assert "for every seed: train, validation and test samples of each seed; " in text


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
    layers = [dict(layer) for layer in bench.result().rows[0].present[0].layers]
    layers[0]["parameters"] = 0
    for seed in range(10):
        bench.perturb("adam", seed, layers=layers, parameters=5)
    text = page(bench.result())
    assert "Network of adam: 5 parameters that are trained" in text
    assert "| Linear0 | 4                    | weight 4×2, bias 4 | frozen       |" in text
    assert "Network of sgd and rmsprop: 17 parameters\n" in text


def test_a_network_that_comparisons_share_stands_once(store, tmp_path) -> None:
    two = (comparison(name="one"), comparison(name="two", target=0.3))
    suite = Suite(name="hand", title="By hand", comparisons=two)
    results = []
    for each in two:
        bench = Bench(store, each)
        for name in ("sgd", "adam", "rmsprop"):
            bench.put(name, around(0.4))
        results.append(bench.result(suite=suite))
    write(results, tmp_path)
    text = (tmp_path / "hand-details.md").read_text(encoding="utf-8")
    assert text.count("## Network of ") == 1
    assert "## Network of one; two: 17 parameters\n" in text
    assert text.count("| recipe.batch_size ") == 1


def test_broken_control_is_in_bold_and_withholds_verdicts(store, page) -> None:
    text = page(filled(store).perturb("adam", 3, hashes={"split": "x"}).result())
    assert "**Control broke, so verdicts are withheld" in text
    assert "- split of seed 3 differs between 'sgd' and 'adam'" in text
    assert "no verdict, because control broke" in text.splitlines()[2]
    assert "**Should be equal between variants and is not**" in text


def test_the_data_are_named_with_hash_parts_and_notes(store, page) -> None:
    text = page(filled(store).result())
    assert (
        "| points | made by hand | d      | 36         | 12           | 12     | low, high |"
        in text
    )
    assert "- 3 values filled" in text


def test_a_note_that_differs_by_seed_shows_the_range() -> None:
    runs = [["3 of 9 filled", "sorted"], ["7 of 9 filled", "sorted"], ["5 of 9 filled"]]
    assert provenance_tables.merged(runs) == [
        "3 to 7 of 9 filled (differs by seed)",
        "sorted (2 of 3 seeds)",
    ]


def test_a_note_of_one_variant_alone_names_it(store) -> None:
    bench = filled(store)
    for seed in range(10):
        bench.perturb("adam", seed, notes=("3 values filled", "made uneven"))
    notes = provenance_tables.data_notes([bench.result()])
    assert notes == ["3 values filled", "adam: made uneven"]


@pytest.mark.parametrize(
    ("hashes", "told"),
    [
        (
            lambda seed: {"data": "d", "split": f"s{seed}"},
            "this data set, not new data; a seed draws the split",
        ),
        (
            lambda seed: {"data": f"d{seed}", "split": "s"},
            "new data of this kind; a seed draws the data",
        ),
        (lambda _: {"data": "d", "split": "s"}, "| this split of this data set "),
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
    facts = dict(method.facts(filled(store).result()))
    assert facts["[family](method.md#families)"] == "2 contrasts with sgd on log_loss"
    assert facts["smallest number of seeds for a verdict"] == "7"  # 2^(1-7) x 2 <= 0.05
    assert facts["[equivalence margin](method.md#equivalence)"] == "±0.02 nats"
    assert "| sign-flip permutation " in text
    assert "symmetric about zero" in method.text()


CROSSED = {
    "factors": (
        Factor("recipe.optimizer.lr", {"low": 0.1, "high": 0.3}),
        Factor("recipe.batch_size", {"8": 8, "4": 4}),
    ),
    "baseline": ("low", "8"),
    "interaction_scale": "score",
}


@pytest.mark.parametrize(
    ("larger", "seeds", "told"),
    [
        ({"seeds": 29, "steps": 400}, 10, "would give 29 seeds and 400 steps a run"),
        ({"seeds": 29, "steps": 20}, 10, "would give 29 seeds"),
        ({"seeds": 29, "steps": 20}, 30, None),
        ({"seeds": 5, "steps": 20}, 10, None),
    ],
)
def test_the_facts_say_what_a_larger_budget_would_add(store, larger, seeds, told) -> None:
    small = Budget(10, 20, 1)
    budgets = {"quick": small, "full": Budget(seconds=9, **larger)}
    result = replace(filled(store, budgets=budgets).result(), seeds=tuple(range(seeds)))
    assert dict(method.facts(result)).get("budget `full`") == told


def test_a_larger_budget_stands_on_the_page(store, page) -> None:
    budgets = {name: Budget(n, 20, 1) for name, n in (("quick", 10), ("full", 29))}
    text = page(filled(store, budgets=budgets).result())
    assert re.search(r"\n\| budget `full` +\| would give 29 seeds +\|\n", text)


def test_interactions_stand_in_a_table_of_their_own_with_their_scale(store, page) -> None:
    bench = Bench(store, comparison(**CROSSED))
    for name, loss in (("low × 8", 0.5), ("high × 8", 0.45), ("low × 4", 0.4), ("high × 4", 0.25)):
        bench.put(name, [x - loss * 0.001 * i for i, x in enumerate(around(loss))])
    text = page(bench.result())
    table = text.partition("### Interactions\n\n")[2].partition("\n\n")[0].splitlines()
    assert table[0].startswith("| interaction   | difference of differences ")
    assert table[2].startswith("| high : 4      | 0.0995")
    assert table[2].endswith("| 10 of 10           | 0.008 | clearly positive |")
    facts = dict(method.facts(bench.result()))
    assert facts["[family](method.md#families)"] == (
        "3 contrasts with low × 8 and 1 interaction on log_loss"
    )
    assert facts["smallest number of seeds for a verdict"] == "8"  # four contrasts
    assert facts["[interactions on](method.md#interactions)"] == "the score"
    assert "together, high : 4 do more than the sum of both" in text.splitlines()[2]


def test_a_page_of_new_data_says_so_and_how(store, page) -> None:
    text = page(filled(store, inference="population").result())
    assert "new data of this kind, by a variance of 1/n + 0.333 in place of 1/n" in text
    assert "corrected t p, Holm-adjusted." in text
    assert re.search(r"\| \[test\]\(method.md#tests\) +\| corrected t +\|", text)
    assert "sign-flip" not in text


def test_a_dummy_score_that_differs_between_variants_is_told_as_a_range(store, page) -> None:
    bench = filled(store)
    for seed in range(10):
        bench.perturb("adam", seed, dummy={"prior": {"log_loss": 0.5, "accuracy": 0.5}})
    text = page(bench.result())
    assert "Without any network: `prior` 0.500 to 0.700, by variant." in text
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
    assert "**2**, before with 10 seeds" in text
    assert "adam and rmsprop are clearly better than sgd" in text.splitlines()[2]
    assert "(exploratory, since it was looked at before with other seeds)" in text.splitlines()[2]
    assert "better (exploratory)" in text


def test_an_interval_across_zero_beside_a_verdict_is_owned_up_to(store, page) -> None:
    """Ten gains, one of them far larger: unanimous signs, and a spread that widens the interval."""
    bench = filled(store)
    moved = [0.3, *[0.02] * 9]
    bench.put("adam", [a - b for a, b in zip(around(0.4), moved, strict=True)])
    result = bench.result()
    contrast = result.contrasts["adam"]
    assert contrast.difference.low < 0 < contrast.difference.high
    assert contrast.decision == "better"
    facts = dict(method.facts(result))
    assert facts["[interval holds zero beside a verdict](method.md#intervals)"] == "adam"
    assert "interval holds zero beside a verdict" in page(result)


def test_provenance_is_the_set_over_runs_and_the_command_makes_it_again(store, page) -> None:
    bench = filled(store)
    bench.perturb("adam", 0, provenance={"torch": "2.14.0", "commit": "def", "dirty": True})
    text = page(bench.result())
    assert "| 30, digest of their keys `" in text
    assert "2.11.0 (29 runs), 2.14.0 (1 run)" in text
    assert "abc (29 runs), def, with uncommitted changes (1 run)" in text
    assert (
        "paribus run FILE_OF_THE_SUITE.py --seeds 10 --budget quick "
        "--device cpu --engine loop\n" in text
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


def test_the_command_asks_for_deterministic_algorithms_where_runs_had_them(store) -> None:
    result = filled(store).result()
    rows = tuple(
        replace(row, runs=tuple(replace(run, deterministic=True) for run in row.runs))
        for row in result.rows
    )
    told = " --paribus-engine loop --paribus-deterministic"
    assert command(replace(result, rows=rows)).endswith(told)


def test_the_command_says_what_verdicts_speak_of(store) -> None:
    result = filled(store, inference="population").result()
    assert command(result).endswith(" --paribus-inference population")
    assert "--paribus-inference" not in command(filled(store).result())


def test_a_users_file_is_named_without_its_folder(store, page, tmp_path) -> None:
    path = str(tmp_path / "private" / "patients.csv")
    task = TASK.model_copy(update={"path": path, "target": "outcome"})
    bench = filled(store, task=task)
    text = page(bench.result(failures={"adam": f"could not read {path}"}))
    assert "--data points=patients.csv --target points=outcome" in text
    assert "could not read patients.csv" in text
    assert str(tmp_path) not in text
    assert "task.source" not in text


def test_a_failed_row_shows_why_and_no_number(store, page) -> None:
    text = page(filled(store).result(failures={"adam": "boom"}))
    main, varied, other, _budget = (
        line for line in text.splitlines() if line.startswith("| adam ")
    )
    assert "failed: boom" in main
    assert not any(c.isdigit() for c in main + other)
    assert "0.01" in varied


def test_a_half_trained_comparison_says_how_far_it_came(store, page, tmp_path) -> None:
    bench = Bench(store).put("sgd", around(0.4)).put("adam", around(0.2)[:7])
    text = page(bench.result())
    assert "not run (7 of 10 seeds)" in text
    start = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    for answer in (text.splitlines()[2], start):
        assert (
            "adam has no result (not run (7 of 10 seeds)); rmsprop has no result (not run)"
            in answer
        )


def test_nothing_trained_is_a_page_too(store, page) -> None:
    text = page(Bench(store).result())
    assert "No pair of runs is there to compare by hash." in text
    assert "## Data" not in text
    assert "no verdict, because the baseline sgd has no result (not run)" in text.splitlines()[2]


def test_a_skipped_device_is_named_on_page_and_index(store, page, tmp_path) -> None:
    bench = filled(store, claims=CLAIMS)
    gpu = Bench(store, bench.comparison, device="cuda")
    text = page(bench.result(), gpu.result(skipped=NO_GPU))
    assert f"Skipped on cuda: {NO_GPU}." in text
    start = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert f"- cuda: {NO_GPU} (hand)" in start


def test_a_page_of_a_skipped_device_alone_has_no_verdicts(store, page) -> None:
    text = page(Bench(store, device="cuda").result(skipped=NO_GPU))
    assert f"Skipped on cuda: {NO_GPU}." in text
    assert text.splitlines()[2] == (
        f"**Which optimizer is best?** Not answered: skipped on cuda, {NO_GPU}."
    )
    assert "| verdict" not in text


def test_diverged_runs_have_a_table_of_their_own(store, page) -> None:
    text = page(filled(store).put("adam", [FAILED, *around(0.2)[1:]]).result())
    assert "### Runs that did not complete" in text
    assert "1 of 10 diverged" in text


def test_the_index_holds_every_answer_and_counts_claims(store, page, tmp_path) -> None:
    text = page(filled(store, claims=CLAIMS).result())
    start = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "- [S0 By hand](hand.md): 1 clearly better, 1 equivalent; claims C1, C2\n" in start
    margin = (
        "Margin 0.02 nats: 5.0 % of the score, 6.7 % of the way from naive, 5.0 % of the head-room."
    )
    assert f"  - {text.splitlines()[2]} {margin}\n" in start
    assert "On the pages of their suites: 2 supported." in start


def test_pages_of_a_multiverse_and_of_variance_are_linked_where_they_are(
    store, page, tmp_path
) -> None:
    result = filled(store).result()
    assert "multiverse" not in page(result).partition("## hand")[0]
    (tmp_path / "out" / "hand-multiverse.md").write_text("")
    (tmp_path / "out" / "other-variance.md").write_text("")
    text = page(result)
    assert "[all runs](hand.csv) · [multiverse](hand-multiverse.md) · [method](method.md)" in text
    assert "variance.md" not in text
    (tmp_path / "out" / "hand-variance.md").write_text("")
    assert "[multiverse](hand-multiverse.md) · [variance](hand-variance.md) · [me" in page(result)
    lines = (tmp_path / "out" / "README.md").read_text(encoding="utf-8").splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("- [S0 By hand]"))
    assert lines[at + 2 :][:2] == [
        "  - [Multiverse](hand-multiverse.md): in how many settings its verdicts hold",
        "  - [Variance](hand-variance.md): which source of randomness its spread comes from",
    ]


def test_the_index_of_64_comparisons_has_at_most_200_lines(store) -> None:
    """As many suites, none of which shares its comparison, and on a device that was skipped as well."""
    result = filled(store, claims=CLAIMS).result()
    gpu = Bench(store, result.comparison, device="cuda").result(skipped=NO_GPU)
    results = []
    for i in range(64):
        suite = result.suite.model_copy(update={"name": f"s{i}"})
        results += [replace(each, suite=suite) for each in (result, gpu)]
    text = index(results)
    assert text.count("**Which optimizer is best?**") == 64
    assert len(text.splitlines()) <= 200


def test_the_index_begins_with_all_suites_in_the_order_of_their_systems(store, tmp_path) -> None:
    bench = filled(store, claims=CLAIMS)
    results = []
    for name, system in (("last", ""), ("tenth", "S10"), ("second", "S2")):
        made = Suite(name=name, title=name.title(), system=system, comparisons=(bench.comparison,))
        results.append(replace(bench.result(), suite=made))
    write([*results, replace(results[2], skipped=NO_GPU, device="cuda")], tmp_path)
    start = (tmp_path / "README.md").read_text(encoding="utf-8")
    lines = [line for line in start.splitlines() if line.startswith("- [")]
    assert lines == [
        "- [S2 Second](second.md): 1 clearly better, 1 equivalent; claims C1, C2",
        "- [S10 Tenth](tenth.md): 1 clearly better, 1 equivalent; claims C1, C2",
        "- [Last](last.md): 1 clearly better, 1 equivalent; claims C1, C2",
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
    assert "\n\n- `parameters`: the number of parameters that the variant trains.\n\n" in text


def test_no_results_are_said_to_be_none(tmp_path) -> None:
    (start,) = write([], tmp_path)
    assert start.read_text(encoding="utf-8") == "# Results\n\nNothing was run.\n"


def counts(predictions, classes):
    """Return a row for each set of predictions."""
    return [{"variant": v, "runs": len(p), "classes": len(classes)} for v, p in predictions.items()]


def right(outputs, target, classes, *, weight: float) -> float:
    """Share of right answers, times a weight."""
    del classes
    return weight * float((outputs.argmax(1) == target).mean())


def test_shared_runs_reach_an_extra_table_once_under_the_levels_that_made_them(store, page) -> None:
    crossed = comparison(
        metric=Metric(name="right", function=call(right, weight=1.0), higher_is_better=True),
        factors=(
            Factor("recipe.optimizer.lr", {"slow": 0.1, "fast": 0.2}),
            Factor("metric.function.weight", {"whole": 1.0, "half": 0.5}),
        ),
        baseline=("slow", "whole"),
        tables={"How many": call(counts)},
    )
    bench = Bench(store, crossed)
    for name in ("slow × whole", "fast × whole"):
        bench.put(name, around(0.4)).predict(name, [[2, 1], [1, 2]], [0, 0])
    text = page(bench.result())
    table = text.partition("### How many\n\n")[2].partition("\n\n")[0].splitlines()
    assert table[2:] == ["| slow      | 10     | 2         |", "| fast      | 10     | 2         |"]
    assert re.search(r"\[equivalence margin\]\(method.md#equivalence\) +\| none +\|", text)
    assert "Network of slow and fast: 17 parameters" in text


def sequence(store, adam: int = 10) -> Result:
    """Return a sequence of twelve seeds in which adam stops at nine, and rmsprop is open still."""
    bench = Bench(store, comparison(claims=CLAIMS), seeds=12)
    bench.put("sgd", around(0.4, 12)).put("adam", around(0.2, adam))
    bench.put("rmsprop", [x + 0.01 * (-1) ** i for i, x in enumerate(around(0.4, 12))])
    runs = {v.name: bench.runs(v.name) for v in bench.comparison.variants()}
    runs["adam"] = runs["adam"][:adam]
    return bench.result(runs=runs, cap=12)


def test_a_page_of_a_sequence_says_how_it_stopped_and_what_that_forbids(store, page) -> None:
    text = page(sequence(store))
    assert "On cpu: at most 12 paired seeds, budget `quick`." in text
    assert "adam wins on more seeds than sgd" in text.splitlines()[2]
    assert "seeds so far leave open whether rmsprop differs from sgd" in text.splitlines()[2]
    facts = dict(method.facts(sequence(store)))
    assert facts["[seeds](method.md#sequences-of-seeds)"] == (
        "10 to 12 of at most 12, added until a contrast stops"
    )
    assert facts["[test](method.md#sequences-of-seeds)"] == "bets on signs, stopped at 40"
    assert facts["smallest number of seeds to stop"] == "9"
    assert re.search(r"\| 9 of 9 +\| 0\.5\d to 1\.00 ", text)
    assert "| undecided (open after 12 seeds) |" in text
    assert "it has no interval" in " ".join(method.text().split())
    assert "sign-flip" not in text
    assert "--sequential --cap 12 --budget quick" in text


def test_a_sequence_answers_claims_by_its_verdicts_alone(store, page) -> None:
    text = page(sequence(store))
    assert "| C1      | Adam wins.           | supported | verdict wins more often" in text
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
    factor = Factor("task.perturb", levels)
    bench = Bench(store, comparison(factors=(factor,), baseline=("blank",)))
    for name in levels:
        bench.put(name, around(0.4))
    lines = settings_tables.varied_lines(bench.result())
    assert [(line["variant"], line["task.perturb"]) for line in lines] == [
        ("blank", "zero_input(input=0)"),
        ("given", "none"),
        ("shuffled", "shuffle_input(input=0)"),
    ]
    assert all(line.keys() == {"variant", "task.perturb", "parameters"} for line in lines)


def test_a_suite_of_a_file_is_made_again_by_its_file(store, page) -> None:
    text = page(filled(store).result())
    assert "paribus run FILE_OF_THE_SUITE.py --seeds" in text
    assert "pytest benchmarks" not in text
