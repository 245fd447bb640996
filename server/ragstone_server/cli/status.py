"""`ragstone status`."""

import time

import click

from ragstone import Client, DeadlineExceeded, Unavailable
from ragstone.protojson import to_dict
from ragstone.v1 import admin_service_pb2
from ragstone_server.cli.common import connected, fail, json_option, print_json, print_table, server_option
from ragstone_server.cli.texts import short_time

PAUSE_S = 0.1


@click.command("status")
@click.option("--wait", type=float, default=0.0, metavar="SECONDS", help="Wait so long for a server that answers.")
@server_option
@json_option
def status_command(wait: float, server: str, as_json: bool) -> None:
    """Tell the state of the server."""
    with connected(server) as client:
        status = _status(client, wait)
    if as_json:
        print_json(to_dict(status))
        return
    click.echo(f"ragstone {status.version} on {server}, up for {status.uptime.seconds} s")
    click.echo(f"{status.document_count} documents in {status.collection_count} collections")
    for view in status.views:
        behind = view.head - view.position
        state = view.failure or ("up to date" if behind == 0 else f"{behind} changes behind")
        click.echo(f"  {view.collection.rpartition('/')[2]} {view.view}: {state}")
    for each in status.deployments:
        click.echo(f"  {each.route} {each.deployment}: {_health(each)}")
    if status.sources:
        print_table([_source(each) for each in status.sources], ["source", "state", "lag", "applied until", "detail"])
    if status.dead_letter_count:
        click.echo(f"{status.dead_letter_count} dead letters; `ragstone admin dead-letters list` shows them")
    else:
        click.echo("no dead letters")


def _source(source: admin_service_pb2.SourceStatus) -> dict[str, object]:
    state = admin_service_pb2.SourceState.Name(source.state)
    return {
        "source": source.name,
        "state": state.removeprefix("SOURCE_STATE_").lower(),
        "lag": source.lag if source.HasField("lag") else "",
        "applied until": short_time(source.applied_until) if source.HasField("applied_until") else "",
        "detail": source.detail,
    }


def _health(deployment: admin_service_pb2.DeploymentStatus) -> str:
    answered = f"{deployment.requests} requests, {deployment.failed_requests} failed"
    if deployment.state == admin_service_pb2.BREAKER_STATE_CLOSED:
        return answered
    return f"left alone, it failed too often ({deployment.last_fault}); {answered}"


def _status(client: Client, wait: float) -> admin_service_pb2.GetStatusResponse:
    end = time.monotonic() + wait
    while True:
        try:
            return client.admin.status(timeout=max(1.0, wait))
        except (Unavailable, DeadlineExceeded) as error:
            if time.monotonic() >= end:
                if wait:
                    fail(f"the server did not answer within {wait:g} seconds")
                # The time may pass while gRPC still tries to connect.
                raise Unavailable(error.message, reason=error.reason) from error
            time.sleep(PAUSE_S)
