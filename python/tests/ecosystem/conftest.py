# SPDX-License-Identifier: MIT
"""Each test in this folder runs once on each loop of loops.py. A test that is a coroutine function runs as the main
program of its loop; others get the loop's kind by the fixture `loop`, and start programs with it."""

import inspect
import resource
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from loops import LOOPS, LoopKind
from programs.run import Program
from servers import PostgreSQL, Redis, ServerMissing

pytest_plugins = ["pytester"]


@pytest.fixture(params=LOOPS, ids=lambda loop: loop.name, autouse=True)
def loop(request: pytest.FixtureRequest) -> LoopKind:
    kind: LoopKind = request.param
    return kind


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    program = pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted})
    kind: LoopKind = pyfuncitem.funcargs["loop"]  # type: ignore[assignment]
    kind.run(program)
    return True


@pytest.fixture(scope="session", autouse=True)
def many_descriptors() -> None:
    """A thousand connections have two thousand ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


# ---- TLS


@dataclass(frozen=True)
class Certificates:
    """A certificate for localhost, and the authority that clients trust, as contexts and as files."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    chain: Path
    key: Path
    authority: Path


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost", "127.0.0.1")
    made = Certificates(
        server=ssl.create_default_context(ssl.Purpose.CLIENT_AUTH),
        client=ssl.create_default_context(),
        chain=folder / "chain.pem",
        key=folder / "key.pem",
        authority=folder / "authority.pem",
    )
    leaf.configure_cert(made.server)
    authority.configure_trust(made.client)
    for path, pems in ((made.chain, leaf.cert_chain_pems), (made.key, [leaf.private_key_pem])):
        path.write_bytes(b"".join(pem.bytes() for pem in pems))
    authority.cert_pem.write_to_path(made.authority)
    return made


# ---- Programs and servers in processes of their own


@pytest.fixture
def program(loop: LoopKind) -> Iterator[Program]:
    with Program(loop) as program:
        yield program


@pytest.fixture(scope="session")
def postgresql(certificates: Certificates) -> Iterator[PostgreSQL]:
    try:
        with PostgreSQL(certificates.chain, certificates.key) as server:
            yield server
    except ServerMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def redis_server(certificates: Certificates) -> Iterator[Redis]:
    try:
        with Redis(certificates.chain, certificates.key, certificates.authority) as server:
            yield server
    except ServerMissing as missing:
        pytest.skip(str(missing))
