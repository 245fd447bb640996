"""Routes as an operator writes them."""

import tomllib
from decimal import Decimal

import pytest

from ragstone_server.app.configuration import parse_configuration
from ragstone_server.config.errors import ConfigurationInvalid
from ragstone_server.routing.settings import MidStream

WRITTEN = """
[generator]
use = "routes"
[routes.default]
mid_stream = "continue"
stall_seconds = 10
[[routes.default.deployments]]
provider = "openai_compatible"
model = "small"
url = "http://127.0.0.1:9001/v1"
api_key = "secret"
price = { input = "0.15", output = "0.60" }
[[routes.default.deployments]]
provider = "litellm"
model = "openai/large"
weight = 2
[routes.strong]
deployments = [{ provider = "litellm", model = "huge" }]
"""


def test_routes_are_read_as_written() -> None:
    configuration = parse_configuration(tomllib.loads(WRITTEN))
    default = configuration.routes["default"]
    assert (default.mid_stream, default.stall_seconds) == (MidStream.CONTINUE, 10)
    first, second = default.deployments
    assert first.own == {"model": "small", "url": "http://127.0.0.1:9001/v1", "api_key": "secret"}
    assert first.price is not None
    assert first.price.output == Decimal("0.60")
    assert second.weight == 2
    assert set(configuration.routes) == {"default", "strong"}
    assert configuration.selections["generator"].use == "openai_compatible"


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ('[generator]\nuse = "routes"', "routes: needs a route 'default'"),
        ("[routes.default]\ndeployments = []", 'routes: is not used; set generator.use = "routes"'),
        ('[generator]\nuse = "routes"\n[routes]\ndefault = 3', r"routes.default: is a value; write a section"),
        (
            '[generator]\nuse = "routes"\n[routes.default]\ndeployments = []',
            r"routes.default.deployments: .* at least 1",
        ),
        (
            '[generator]\nuse = "routes"\nmodel = "x"\n[routes.default]\ndeployments = [{ provider = "a" }]',
            "generator: model: belongs to a deployment",
        ),
        (
            '[generator]\nuse = "routes"\n[routes.default]\nmid_stream = "never"\ndeployments = [{ provider = "a" }]',
            "routes.default.mid_stream: .*'restart', 'continue' or 'fail'",
        ),
        (
            (
                '[generator]\nuse = "routes"\n[routes.default]\n'
                'deployments = [{ provider = "a", name = "x" }, { provider = "b", name = "x" }]'
            ),
            "two deployments of a route have one name",
        ),
        (
            '[generator]\nuse = "routes"\n[routes.default]\ndeployments = [{ provider = "a", price = { input = "-1" } }]',
            r"routes.default.deployments.0.price.input",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(written: str, problem: str) -> None:
    with pytest.raises(ConfigurationInvalid, match=problem):
        parse_configuration(tomllib.loads(written))
