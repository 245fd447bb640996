"""Mistakes of a configuration are told where they stand, all at once."""

from typing import Any

import pytest

from ragstone_server.app.checking import check
from ragstone_server.app.configuration import parse_configuration
from ragstone_server.config.errors import ConfigurationInvalid
from ragstone_server.registry.discovery import discover

MODEL = {"provider": "openai_compatible", "model": "small", "url": "http://127.0.0.1:1/v1"}


def routed(*deployments: dict[str, Any], **sections: dict[str, Any]) -> dict[str, Any]:
    routes = {"default": {"deployments": list(deployments)}}
    return {"generator": {"use": "routes"}, "routes": routes, **sections}


def wheres(tree: dict[str, Any]) -> set[str]:
    with pytest.raises(ConfigurationInvalid) as caught:
        check(discover(), parse_configuration(tree))
    return {problem.where for problem in caught.value.problems}


def test_what_can_be_served_passes() -> None:
    check(discover(), parse_configuration({}))
    check(discover(), parse_configuration(routed(MODEL)))


def test_a_mistake_in_a_deployment_is_told_at_its_route_alone() -> None:
    assert wheres(routed({**MODEL, "url": "ftp://nowhere"})) == {"routes.default.deployments[0].url"}
    assert wheres(routed(MODEL, {**MODEL, "name": "b", "provider": "no"})) == {"routes.default.deployments[1].provider"}


def test_mistakes_of_all_sorts_are_told_together() -> None:
    tree = routed({**MODEL, "url": "ftp://nowhere"}, fuser={"colour": 1}, parser={"retries": 2})
    assert wheres(tree) == {"routes.default.deployments[0].url", "fuser.colour", "parser.retries"}
