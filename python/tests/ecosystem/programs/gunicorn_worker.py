# SPDX-License-Identifier: MIT
"""uvicorn's worker for gunicorn, on the loop whose factory the environment names."""

import os

from uvicorn_worker import UvicornWorker


class Worker(UvicornWorker):
    CONFIG_KWARGS = {"loop": os.environ["ECOSYSTEM_LOOP"], "http": "httptools"}
