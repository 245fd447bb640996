"""What the long suite tells while it runs, and its figures at the end."""

from collections.abc import Callable

import pytest

from tests.faults.cluster import recovery
from tests.faults.cluster.recovery import Recovery

_recoveries: list[Recovery] = []


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Writes a line at once, where others can see it."""
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    return print if reporter is None else lambda line: reporter.write_line(line)


@pytest.fixture
def note() -> Callable[[Recovery], None]:
    """Keeps a recovery for the report."""
    return _recoveries.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How long everything took to recover."""
    if _recoveries:
        terminalreporter.section("recovery from faults")
        terminalreporter.write_line(recovery.table(_recoveries))
