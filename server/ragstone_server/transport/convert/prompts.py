"""Prompt templates, both ways."""

from ragstone.v1 import admin_service_pb2
from ragstone_server.spi.names import CollectionName
from ragstone_server.spi.prompts import (
    ActivationKind,
    PromptActivation,
    PromptDraft,
    PromptName,
    PromptTemplate,
    PromptVersion,
)
from ragstone_server.transport.convert.metadata import timestamp

_KINDS = {
    ActivationKind.ACTIVATED: admin_service_pb2.PROMPT_ACTIVATION_KIND_ACTIVATED,
    ActivationKind.ROLLED_BACK: admin_service_pb2.PROMPT_ACTIVATION_KIND_ROLLED_BACK,
}


def draft_from(wire: admin_service_pb2.Prompt) -> PromptDraft:
    """What a person wrote."""
    return PromptDraft(system=wire.system, user=wire.user, description=wire.description)


def prompt_to(collection: CollectionName, template: PromptTemplate, in_use: PromptVersion) -> admin_service_pb2.Prompt:
    """One version as the catalog holds it."""
    return admin_service_pb2.Prompt(
        name=str(PromptName(collection=collection, version=template.version)),
        system=template.draft.system,
        user=template.draft.user,
        description=template.draft.description,
        author=template.author,
        create_time=None if template.created is None else timestamp(template.created),
        active=template.version == in_use,
    )


def activation_to(collection: CollectionName, activation: PromptActivation) -> admin_service_pb2.PromptActivation:
    """One row of the history."""
    return admin_service_pb2.PromptActivation(
        prompt=str(PromptName(collection=collection, version=activation.version)),
        kind=_KINDS[activation.kind],
        author=activation.author,
        time=timestamp(activation.at),
    )
