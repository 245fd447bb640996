"""For every test: assertions in the shipped suites explain themselves, and real servers are at hand."""

import pytest

pytest.register_assert_rewrite("ragstone_server.testing.conformance")

pytest_plugins = ["tests.services.fixtures"]
