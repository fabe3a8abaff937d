"""Mutual TLS: a command trains through it; a scheduler takes nobody with no certificate, or another authority's."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import dask
import pytest

from paribus.execution.dask_connection import connected
from paribus.runs.merge import merge
from tests.helpers.dask_processes import Cluster, cluster
from tests.helpers.processes import printed
from tests.helpers.refusals import refused

pytestmark = [
    pytest.mark.slow,  # processes of workers import torch
    pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl here to make certificates"),
]
ROOT = Path(__file__).parents[2]
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two authorities and a certificate by each."""
    made = tmp_path_factory.mktemp("certificates")
    for name in ("ours", "theirs"):
        made_by = ("-keyout", f"{name}-ca.key", "-out", f"{name}-ca.pem", "-subj", f"/CN={name}")
        _openssl(made, "req", "-x509", *CURVE, "-days", "2", *made_by)
        asked = ("-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", "/CN=localhost")
        _openssl(made, "req", *CURVE, *asked)
        authority = ("-CA", f"{name}-ca.pem", "-CAkey", f"{name}-ca.key", "-CAcreateserial")
        signed = ("-in", f"{name}.csr", "-out", f"{name}.pem", "-days", "2")
        _openssl(made, "x509", "-req", *signed, *authority)
    return made


@pytest.fixture(scope="module")
def secured(folder: Path) -> Iterator[Cluster]:
    files = {"ca-file": "ours-ca.pem", "cert": "ours.pem", "key": "ours.key"}
    options = [word for name, file in files.items() for word in (f"--tls-{name}", folder / file)]
    with cluster(folder, "tls", [str(word) for word in options]) as started:
        yield started


def _configuration(folder: Path, authority: str, name: str) -> dict[str, str]:
    files = {"ca-file": f"{authority}-ca.pem", "client.cert": f"{name}.pem"}
    files["client.key"] = f"{name}.key"
    return {f"distributed.comm.tls.{key}": str(folder / file) for key, file in files.items()}


def test_a_command_trains_through_tls_what_it_trains_here(
    secured: Cluster, folder: Path, tmp_path: Path
) -> None:
    suite = tmp_path / "own.py"
    suite.write_text("from tests.helpers.toys import suite\nSUITE = suite()\n")
    tls = "DASK_DISTRIBUTED__COMM__TLS__"
    env = os.environ | {
        "PYTHONPATH": str(ROOT),
        f"{tls}CA_FILE": str(folder / "ours-ca.pem"),
        f"{tls}CLIENT__CERT": str(folder / "ours.pem"),
        f"{tls}CLIENT__KEY": str(folder / "ours.key"),
    }
    for name, where in (("here", "local:1"), ("there", secured.address)):
        printed(
            *("-m", "paribus", "run", suite, "--where", where, "--device", "cpu"),
            *("--engine", "loop", "--out", tmp_path / name),
            cwd=tmp_path,
            env=env,
        )
    stores = [tmp_path / name / "runs.sqlite" for name in ("here", "there")]
    merged = merge(stores, tmp_path / "both.sqlite")  # which refuses numbers that differ
    assert (merged.added["runs"], merged.equal["runs"]) == (4, 4)


@pytest.mark.parametrize(
    ("authority", "name"), [("ours", "theirs"), ("theirs", "theirs"), ("theirs", "ours")]
)
def test_certificates_of_another_authority_are_refused(
    secured: Cluster, folder: Path, authority: str, name: str
) -> None:
    with dask.config.set(_configuration(folder, authority, name)):
        assert refused(connected, secured.address) == (
            f"--paribus-where: got {secured.address}, where the certificates of both ends do not fit together, or no "
            "Dask scheduler uses any, expected a scheduler with tls, and certificates here and there that one "
            "authority signed. Name the same ca-file in Dask's configuration of both, with a certificate that it "
            "signed."
        )


def test_a_client_without_certificate_is_refused(secured: Cluster, folder: Path) -> None:
    """By paribus before it is tried, and by the scheduler where somebody tries all the same."""
    with dask.config.set({"distributed.comm.tls.ca-file": str(folder / "ours-ca.pem")}):
        assert refused(connected, secured.address).startswith(
            f"--paribus-where: got {secured.address}, and no certificates to show there, expected"
        )
    context = ssl.create_default_context(cafile=str(folder / "ours-ca.pem"))
    context.check_hostname = False
    parts = urlsplit(secured.address)
    assert parts.port is not None
    with (
        socket.create_connection((parts.hostname or "", parts.port)) as plain,
        pytest.raises(ssl.SSLError, match="certificate required"),
        context.wrap_socket(plain) as through,
    ):
        through.recv(1)


def test_a_client_without_tls_is_refused(secured: Cluster) -> None:
    address = secured.address.replace("tls:", "tcp:")
    assert "expected the address of a Dask scheduler that answers." in refused(connected, address)
