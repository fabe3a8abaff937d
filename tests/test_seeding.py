"""Named randomness: the same name gives the same numbers, another name others."""

from __future__ import annotations

import pickle

import pytest
import torch

from paribus.errors import ParibusError, error_context
from paribus.seeding import PURPOSES, Streams


def test_a_number_is_the_same_on_every_machine_and_version() -> None:
    """The first 63 bits of SHA-256 of ``7//init/Linear/0``, by an independent tool (``printf | sha256sum``)."""
    assert Streams(7).number("init", "Linear", 0) == 0x5885436EEC02DA13 >> 1


def test_purposes_seeds_salts_and_names_draw_different_numbers() -> None:
    streams = [Streams(seed, salt) for seed in (0, 1) for salt in ("", "a")]
    numbers = [
        s.number(purpose, *names)
        for s in streams
        for purpose in PURPOSES
        for names in ((), (0,), (1,))
    ]
    assert len(numbers) == len(set(numbers))


def test_numbers_fit_a_seed_of_torch() -> None:
    assert all(0 <= Streams(seed).number("order") < 2**63 for seed in range(100))


def test_a_generator_starts_afresh_each_time_and_leaves_the_global_one_alone() -> None:
    before = torch.get_rng_state()
    first = torch.rand(5, generator=Streams(3).generator("noise", "dropout", 2))
    again = torch.rand(5, generator=Streams(3).generator("noise", "dropout", 2))
    assert torch.equal(first, again)
    assert torch.equal(before, torch.get_rng_state())


def test_an_unknown_purpose_is_refused() -> None:
    with pytest.raises(ParibusError) as caught:
        Streams(0).number("luck")
    assert str(caught.value) == (
        "purpose of a random stream: got 'luck', expected one of split, search, init, order, noise. "
        "Name the purpose that the draw serves."
    )


def test_an_error_survives_the_way_back_from_a_worker() -> None:
    error = ParibusError("a", got=1, expected="b", fix="c.")
    back = pickle.loads(pickle.dumps(error))
    assert (str(error), error.fix) == (str(back), back.fix)


def test_what_a_users_code_raises_is_told_by_its_name() -> None:
    with (
        pytest.raises(ParibusError) as caught,
        error_context("file f.py", expected="a number", fix="Mend it."),
    ):
        raise KeyError("seven")
    assert str(caught.value) == "file f.py: got KeyError: 'seven', expected a number. Mend it."
    assert isinstance(caught.value.__cause__, KeyError)


def test_an_error_of_ours_is_told_once() -> None:
    own = ParibusError("a", got=1, expected="b", fix="c.")
    with pytest.raises(ParibusError) as caught, error_context("d", expected="e", fix="f."):
        raise own
    assert caught.value is own
