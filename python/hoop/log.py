# SPDX-License-Identifier: MIT
"""asyncio's logger."""

import logging
from asyncio import base_events


def logger() -> logging.Logger:
    """Looked up where asyncio's own loop has it: who replaces it there, a test say, replaces it here."""
    found: logging.Logger = vars(base_events)["logger"]
    return found
