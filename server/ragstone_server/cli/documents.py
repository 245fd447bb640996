"""`ragstone documents` and `ragstone delete`."""

import click

from ragstone_server.cli.common import collection_option, connected, json_option, print_json, print_table, server_option


@click.command("documents")
@collection_option
@click.option("--filter", "-f", "filter_", help="Only documents whose metadata match.")
@server_option
@json_option
def documents_command(collection: str, filter_: str | None, server: str, as_json: bool) -> None:
    """List the documents of a collection."""
    with connected(server) as client:
        rows = [
            {
                "document": document.document,
                "version": document.version,
                "title": document.title,
                "type": document.mime_type,
                "language": document.language,
                "passages": document.passages,
                "bytes": document.size_bytes,
                "updated": document.updated.isoformat(timespec="seconds"),
            }
            for document in client.list_documents(collection=collection, filter=filter_)
        ]
    if as_json:
        print_json({"documents": rows})
    else:
        print_table(rows, ["document", "version", "passages", "bytes", "type", "title"])


@click.command("delete")
@click.argument("document")
@collection_option
@click.option("--version", type=int, help="Version of the deletion; the stored one if it is left out.")
@server_option
@json_option
def delete_command(document: str, collection: str, version: int | None, server: str, as_json: bool) -> None:
    """Delete a document; it stops answering at once."""
    with connected(server) as client:
        watermark = client.delete_document(document, collection=collection, version=version)
    if as_json:
        print_json({"document": document, "watermark": watermark})
    else:
        click.echo(f"deleted {document}")
