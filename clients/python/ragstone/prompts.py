"""Prompt templates: the messages of the contract, with typed errors."""

from collections.abc import Callable, Iterator
from typing import Any

from ragstone.requests import collection_name
from ragstone.v1 import admin_service_pb2, admin_service_pb2_grpc


class Prompts:
    """Calls of AdminService about the versions of a collection's prompt template. Version 0 is the built-in one."""

    def __init__(self, stub: admin_service_pb2_grpc.AdminServiceStub, call: Callable[[Any, Any], Any]) -> None:
        self._stub = stub
        self._call = call

    def create(
        self, *, system: str = "", user: str = "", description: str = "", collection: str = "default"
    ) -> admin_service_pb2.Prompt:
        """Create the next version; a message that is left empty is the built-in one. It is not in use yet."""
        request = admin_service_pb2.CreatePromptRequest(
            parent=collection_name(collection),
            prompt=admin_service_pb2.Prompt(system=system, user=user, description=description),
        )
        response: admin_service_pb2.CreatePromptResponse = self._call(self._stub.CreatePrompt, request)
        return response.prompt

    def get(self, version: int, *, collection: str = "default") -> admin_service_pb2.Prompt:
        """Read a version."""
        request = admin_service_pb2.GetPromptRequest(name=_name(collection, version))
        response: admin_service_pb2.GetPromptResponse = self._call(self._stub.GetPrompt, request)
        return response.prompt

    def list(self, *, collection: str = "default") -> Iterator[admin_service_pb2.Prompt]:
        """All versions but the built-in one, in ascending order, page by page."""
        request = admin_service_pb2.ListPromptsRequest(parent=collection_name(collection))
        while True:
            response: admin_service_pb2.ListPromptsResponse = self._call(self._stub.ListPrompts, request)
            yield from response.prompts
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    def activate(self, version: int, *, collection: str = "default") -> admin_service_pb2.Prompt:
        """Put a version into use, from the next question on."""
        request = admin_service_pb2.ActivatePromptRequest(name=_name(collection, version))
        response: admin_service_pb2.ActivatePromptResponse = self._call(self._stub.ActivatePrompt, request)
        return response.prompt

    def roll_back(self, *, collection: str = "default") -> admin_service_pb2.Prompt:
        """Undo the last activation that is not undone; returns the version that is in use then."""
        request = admin_service_pb2.RollBackPromptRequest(parent=collection_name(collection))
        response: admin_service_pb2.RollBackPromptResponse = self._call(self._stub.RollBackPrompt, request)
        return response.prompt

    def diff(self, version: int, other: int | None = None, *, collection: str = "default") -> str:
        """What changes from one version to another (None: to the one in use), as a unified diff."""
        request = admin_service_pb2.DiffPromptsRequest(name=_name(collection, version), other_version=other)
        response: admin_service_pb2.DiffPromptsResponse = self._call(self._stub.DiffPrompts, request)
        return response.diff

    def activations(self, *, collection: str = "default") -> Iterator[admin_service_pb2.PromptActivation]:
        """Which versions were in use, the latest first, page by page."""
        request = admin_service_pb2.ListPromptActivationsRequest(parent=collection_name(collection))
        while True:
            response: admin_service_pb2.ListPromptActivationsResponse = self._call(
                self._stub.ListPromptActivations, request
            )
            yield from response.activations
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token


def _name(collection: str, version: int) -> str:
    return f"{collection_name(collection)}/prompts/{version}"
