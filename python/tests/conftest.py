# SPDX-License-Identifier: MIT
"""What the tests of the package share."""

from collections.abc import Iterator

import hoop
import pytest


@pytest.fixture
def loop() -> Iterator[hoop.Loop]:
    """A loop that does not run yet; closed afterwards."""
    loop = hoop.new_event_loop()
    yield loop
    loop.close()
