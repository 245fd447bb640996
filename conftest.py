"""For every test: assertions in the shipped suites explain themselves."""

import pytest

pytest.register_assert_rewrite("ragstone_server.testing.conformance")
