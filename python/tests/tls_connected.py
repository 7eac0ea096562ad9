# SPDX-License-Identifier: MIT
"""A TLS connection in memory (tls_pair.py) whose handshake is done, for a test, and its orderly end."""

from __future__ import annotations

import pytest
from tls_pair import Certificates, Pair


@pytest.fixture
def pair(certificates: Certificates) -> Pair:
    """A server's side, connected."""
    return Pair(certificates).connect()


def close(pair: Pair) -> None:
    """Both sides say that they close."""
    pair.transport.close()
    pair.peer_reads()
    pair.peer_closes()
