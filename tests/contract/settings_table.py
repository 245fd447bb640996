"""The tables of docs/configuration.md, from the models. `python -m tests.contract.settings_table` prints them."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ragstone_server.app.configuration import DEFAULT_PROVIDERS, SECTIONS
from ragstone_server.registry.discovery import discover
from ragstone_server.registry.offers import Offer
from ragstone_server.routing.settings import DeploymentSettings, Price, RouteSettings
from ragstone_server.transport.kafka.settings import KafkaSettings
from ragstone_server.wrappers.policy import StagePolicy

OURS = "ragstone-server"


def shipped() -> list[Offer]:
    """The plugins of this repository, the selected one of each kind first."""
    kinds = list(DEFAULT_PROVIDERS)
    ours = [offer for offer in discover() if offer.distribution.name == OURS]
    return sorted(
        ours,
        key=lambda o: (kinds.index(o.kind.name), o.provider.name != DEFAULT_PROVIDERS[o.kind.name], o.provider.name),
    )


def models() -> Iterator[tuple[str, type[BaseModel]]]:
    """Every table's title and model."""
    for section, model in SECTIONS.items():
        yield f"`[{section}]`", model
    yield "`[kafka]`", KafkaSettings
    yield "Policy of a stage", StagePolicy
    yield "`[routes.NAME]`", RouteSettings
    yield "`[[routes.NAME.deployments]]`", DeploymentSettings
    yield "`price`", Price
    for offer in shipped():
        yield f'`[{offer.kind.name}]` with `use = "{offer.provider.name}"`', offer.provider.config
        yield f'Options of `{offer.kind.name}` with `use = "{offer.provider.name}"`', offer.provider.options


def rows(model: type[BaseModel]) -> list[str]:
    """A row a setting."""
    return [
        f"| `{key}` | {_default(field)} | {_values(field)} | {field.description} |"
        for key, field in model.model_fields.items()
    ]


def tables() -> Iterable[str]:
    """All of them, in Markdown."""
    for title, model in models():
        if model.model_fields:
            yield f"### {title}\n\n| setting | default | values | what it is |\n|---|---|---|---|\n" + "\n".join(
                rows(model)
            )


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return "see below"
    match field.default:
        case None:
            return "none"
        case str() | Path():
            return f'`"{field.default}"`'
        case bool():
            return f"`{str(field.default).lower()}`"
        case tuple() if field.default:
            return f"`{json.dumps(field.default)}`"
        case _:
            return f"`{field.default}`"


def _values(field: FieldInfo) -> str:
    bounds = []
    for constraint in field.metadata:
        match constraint:
            case annotated_types.Ge(ge=bound):
                bounds.append(f"from {bound}")
            case annotated_types.Gt(gt=bound):
                bounds.append(f"above {bound}")
            case annotated_types.Le(le=bound):
                bounds.append(f"to {bound}")
            case annotated_types.Lt(lt=bound):
                bounds.append(f"below {bound}")
            case _:
                pass
    return " ".join(bounds)


if __name__ == "__main__":
    print("\n\n".join(tables()))
