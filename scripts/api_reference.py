"""The API reference, from the comments of the contract."""

from collections.abc import Iterator, Sequence

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)

Path = tuple[int, ...]
Comments = dict[Path, str]

_MESSAGE, _ENUM, _SERVICE = 4, 5, 6
_HEAD = """# API reference

Generated from `protos/ragstone/v1` by `make protos`; do not edit.
"""
_PRIMITIVE = {
    FieldDescriptorProto.TYPE_DOUBLE: "double",
    FieldDescriptorProto.TYPE_INT64: "int64",
    FieldDescriptorProto.TYPE_UINT64: "uint64",
    FieldDescriptorProto.TYPE_INT32: "int32",
    FieldDescriptorProto.TYPE_BOOL: "bool",
    FieldDescriptorProto.TYPE_STRING: "string",
    FieldDescriptorProto.TYPE_BYTES: "bytes",
}


def api_reference(files: Sequence[FileDescriptorProto]) -> str:
    """Markdown: the services first, then messages and enums in the order of the files."""
    services: list[str] = []
    types: list[str] = []
    for file in files:
        comments = {tuple(place.path): _paragraph(place.leading_comments) for place in file.source_code_info.location}
        for i, service in enumerate(file.service):
            services += _service(service, comments, (_SERVICE, i))
        for i, message in enumerate(file.message_type):
            types += _message(message, comments, (_MESSAGE, i))
        for i, enum in enumerate(file.enum_type):
            types += _enum(enum, comments, (_ENUM, i))
    return "\n".join([_HEAD, "## Services\n", *services, "## Messages and enums\n", *types]).rstrip() + "\n"


def _paragraph(comment: str) -> str:
    said = (line for line in comment.splitlines() if not line.strip().startswith("buf:lint:ignore"))
    return " ".join(" ".join(said).split())


def _service(service: ServiceDescriptorProto, comments: Comments, path: Path) -> Iterator[str]:
    yield f"### {service.name}\n\n{comments.get(path, '')}\n"
    for i, method in enumerate(service.method):
        request, response = _name(method.input_type), _name(method.output_type)
        sent = f"stream {request}" if method.client_streaming else request
        given = f"stream {response}" if method.server_streaming else response
        yield f"- **{method.name}**({sent}) → {given}: {comments.get((*path, 2, i), '')}"
    yield ""


def _message(message: DescriptorProto, comments: Comments, path: Path) -> Iterator[str]:
    yield f"### {message.name}\n\n{comments.get(path, '')}\n"
    if message.field:
        yield "| field | type | meaning |\n|---|---|---|"
    maps = {nested.name: nested for nested in message.nested_type if nested.options.map_entry}
    for i, field in enumerate(message.field):
        meaning = comments.get((*path, 2, i), "").replace("|", "\\|")
        yield f"| `{field.name}` | {_type(field, maps)} | {meaning} |"
    yield ""


def _enum(enum: EnumDescriptorProto, comments: Comments, path: Path) -> Iterator[str]:
    yield f"### {enum.name}\n\n{comments.get(path, '')}\n\n| value | meaning |\n|---|---|"
    for i, value in enumerate(enum.value):
        yield f"| `{value.name}` | {comments.get((*path, 2, i), '')} |"
    yield ""


def _type(field: FieldDescriptorProto, maps: dict[str, DescriptorProto]) -> str:
    entry = maps.get(_name(field.type_name))
    if entry is not None:
        return f"map of {_type(entry.field[0], {})} to {_type(entry.field[1], {})}"
    plain = _PRIMITIVE.get(field.type) or _name(field.type_name)
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"repeated {plain}"
    return f"optional {plain}" if field.proto3_optional else plain


def _name(type_name: str) -> str:
    return type_name.removeprefix(".ragstone.v1.").removeprefix(".")
