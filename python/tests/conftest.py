# SPDX-License-Identifier: MIT
"""What the tests of the package share."""

from collections.abc import Iterator

import hoop
import pytest
from tls_pair import Certificates


@pytest.fixture
def loop() -> Iterator[hoop.Loop]:
    """A loop that does not run yet; closed afterwards."""
    loop = hoop.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Made once: keys and certificates for TLS."""
    return Certificates(tmp_path_factory.mktemp("certificates"))
