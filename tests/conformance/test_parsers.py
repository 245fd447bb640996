"""Every parser passes the suite of its kind. A new one adds a class here."""

import pytest

from ragstone_server.spi.parser import Parser
from ragstone_server.testing.conformance.parser import ParserConformance
from ragstone_server.testing.memory.parser import memory_parser


class TestMemory(ParserConformance):
    @pytest.fixture
    def parser(self) -> Parser:
        return memory_parser
