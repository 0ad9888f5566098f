"""Which tests are whose: behaviour is tested on macOS only, what leads up to it everywhere."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

# Not skipped but left out: in CI a skipped test of a sandbox is a failure, on Linux as on macOS.
collect_ignore = ["test_on_linux.py"] if sys.platform == "darwin" else ["test_behaviour.py"]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Turn a skipped test into a failure on a macOS runner, where everything it needs is there."""
    if report.skipped and os.environ.get("CI") and sys.platform == "darwin" and "sandbox/macos/" in report.nodeid:
        report.outcome = "failed"
        report.longrepr = f"a test of the macOS sandbox was skipped: {report.longrepr}"
