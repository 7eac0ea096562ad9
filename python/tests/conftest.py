# SPDX-License-Identifier: MIT
"""What the tests of the package share."""

import socket
from collections.abc import Iterator

import hoop
import pytest
import tls_identity
from tls_identity import Certificates


@pytest.fixture
def loop() -> Iterator[hoop.Loop]:
    """A loop that does not run yet; closed afterwards."""
    loop = hoop.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets that do not block."""
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    with left, right:
        yield left, right


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    """Keys and certificates for TLS."""
    return tls_identity.certificates()
