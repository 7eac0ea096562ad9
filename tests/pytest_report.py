# SPDX-License-Identifier: MIT
"""A plugin for pytest that reports in TAP, for tests/run.py: PYTHONPATH=tests pytest -p no:terminal -p pytest_report

A test is one line, which comes at its end: it has passed if its fixtures have, too. What could not be collected is a
failed test. The plan comes first, so that run.py notices a run that died on its way, whatever its exit status.
"""

import pytest
from tap import Tap


class Report:
    def __init__(self) -> None:
        self.tap = Tap()
        # Of the test that runs:
        self.failures: list[str] = []
        self.skipped: str | None = None  # why it was
        self.output = ""

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.tap.test(report.nodeid, False, report.longreprtext)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        print(f"1..{self.tap.count + len(session.items)}", flush=True)

    def pytest_internalerror(self, excrepr: object) -> None:
        self.tap.test("pytest itself", False, str(excrepr))

    def pytest_runtest_logstart(self) -> None:
        self.failures, self.skipped, self.output = [], None, ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.output = "".join(f"\n---- {title}\n{text}" for title, text in report.sections)  # all until now
        if report.failed:
            self.failures.append(f"{report.when}: {report.longreprtext}")
        elif report.skipped:
            self.skipped = getattr(report, "wasxfail", "") or skip_reason(report)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        name = nodeid.replace("#", "")
        if self.failures or self.skipped is None:
            self.tap.test(name, not self.failures, "\n".join(self.failures) + self.output)
        else:
            self.tap.skip(name, self.skipped)


def skip_reason(report: pytest.TestReport) -> str:
    """Of a skipped test the report has the place and the words."""
    return report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Report())
