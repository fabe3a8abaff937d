from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from paribus import Suite
from paribus.execution.session import Session
from paribus.execution.settings import Settings
from tests.helpers import toys


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Session]]:
    """Yield a function that opens a session on one store, on the CPU and in this process."""
    sessions: list[Session] = []

    def open_session(
        made: Suite | None = None, engine: str = "auto", store: str = "runs", **settings: Any
    ) -> Session:
        place = {"device": "cpu", "jobs": 1, "store": tmp_path / f"{store}.sqlite"}
        chosen = Settings(engine=engine, **{**place, **settings})
        sessions.append(Session(chosen, [made or toys.suite()]))
        return sessions[-1]

    yield open_session
    for session in sessions:
        session.study.store.close()


@pytest.fixture
def unknown_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know nothing of any network, so that what is forecast are the seconds of the budgets."""
    monkeypatch.setattr("paribus.execution.cost_model.known_facts", lambda _run: None)
