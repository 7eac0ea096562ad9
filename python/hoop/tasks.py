# SPDX-License-Identifier: MIT
"""Tasks that a program's own task factory makes."""

import sys
from collections.abc import Coroutine
from typing import Any

from .base import LoopPart


class Tasks(LoopPart):
    def _create_task_by_factory(self, coro: Coroutine[Any, Any, Any], **keywords: Any) -> Any:
        """create_task while a factory is set."""
        factory: Any = self.get_task_factory()
        if sys.version_info >= (3, 13, 3):
            return factory(self, coro, **keywords)
        # Earlier factories know at most the context; it is the loop that names the task.
        name = keywords.pop("name", None)
        keywords = {key: value for key, value in keywords.items() if value is not None}
        task = factory(self, coro, **keywords)
        if name is not None and hasattr(task, "set_name"):
            task.set_name(name)
        return task
