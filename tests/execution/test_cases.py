"""Cases: plain names of what is trained, chosen by the settings."""

from __future__ import annotations

import pytest

from paribus.errors import ParibusError
from paribus.execution.cases import Case, cases, selected
from paribus.execution.settings import Settings
from tests.helpers.toys import comparison, suite


def test_a_case_is_its_names() -> None:
    """Equal names are one case, whichever object the suite is."""
    first, second = cases([suite()])[0], cases([suite(comparison(target=0.4))])[0]
    assert first == second == ("toys", "toys", "cpu", "default", "sgd")
    assert {first: "found"}[second] == "found"
    assert first.arm_key == first._replace(variant="adam").arm_key


@pytest.mark.parametrize(
    ("named", "name"),
    [
        (Case("toys", "toys", "cpu", "default", "sgd"), "toys-sgd-cpu"),
        (Case("toys", "toys", "cpu", "tuned", "sgd"), "toys-sgd-tuned-cpu"),
        (Case("toys", "rates", "cuda", "default", "high rate × 8"), "toys-rates-high_rate+8-cuda"),
    ],
)
def test_a_name_tells_what_differs(named: Case, name: str) -> None:
    assert named.name == name


def test_settings_select_among_the_cases_that_are_given() -> None:
    made, settings = suite(), Settings(device="cpu")
    sgd, adam = selected([made], settings)
    assert (sgd.variant, adam.variant) == ("sgd", "adam")
    assert selected([made], settings, [adam, adam._replace(device="cuda")]) == [adam]


def test_the_tuned_arm_of_what_is_not_tuned_is_refused() -> None:
    with pytest.raises(ParibusError, match="no selected comparison is tuned at budget 'quick'"):
        selected([suite()], Settings(device="cpu", arm="tuned"))
