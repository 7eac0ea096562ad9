# SPDX-License-Identifier: MIT
"""For test scripts in Python: prints TAP as the tests go, and ends the script with the right exit status."""

import sys


class Tap:
    def __init__(self) -> None:
        self.count = 0
        self.failed = 0

    def note(self, text: str) -> None:
        for line in text.splitlines():
            print(f"# {line}", flush=True)

    def test(self, name: str, passed: bool, explanation: str = "") -> None:
        """One test; the explanation is shown if it failed."""
        self.count += 1
        self.failed += not passed
        print(f"{'ok' if passed else 'not ok'} {self.count} - {name}", flush=True)
        if not passed:
            self.note(explanation)

    def skip(self, name: str, why: str) -> None:
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {why}", flush=True)

    def done(self) -> None:
        """Prints how many tests that were, and exits."""
        print(f"1..{self.count}", flush=True)
        sys.exit(1 if self.failed else 0)
