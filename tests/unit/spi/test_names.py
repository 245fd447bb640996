"""Resource names."""

import pytest

from ragstone_server.spi.errors import InvalidName
from ragstone_server.spi.names import parse_tenant


def test_a_tenant_is_read_from_its_name() -> None:
    assert parse_tenant("tenants/acme-1") == "acme-1"


@pytest.mark.parametrize("text", ["", "acme", "tenants/", "tenants/UPPER", "tenants/a/collections/b", "people/a"])
def test_another_name_is_refused_as_it_was_sent(text: str) -> None:
    with pytest.raises(InvalidName) as error:
        parse_tenant(text)
    assert error.value.metadata["name"] in text
