"""`ragstone admin dead-letters replay` and `discard`: one letter after the other, in their order."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import click

from ragstone import Client, NotFound, RagstoneError, ResourceExhausted, Unavailable
from ragstone.v1 import admin_service_pb2, ingest_service_pb2
from ragstone_server.cli.common import connected, json_option, print_json, server_option
from ragstone_server.cli.texts import printable

SHOWN_FAILURES = 20
TRIES = 5
ID = click.IntRange(1, 2**63 - 1)

reason_option = click.option("--reason", help="Only those with this reason, as in DOCUMENT_TOO_LARGE.")
source_option = click.option("--source", help="Only those of the sources whose names begin so.")
_ids = click.argument("letters", metavar="[ID]...", nargs=-1, type=ID)
_all = click.option("--all", "every", is_flag=True, help="All there are, or all of --reason and --source.")
_yes = click.option("--yes", "-y", is_flag=True, help="Do not ask before --all.")

Act = Callable[[Client, int], dict[str, Any]]


@dataclass(slots=True)
class Report:
    """What became of the letters."""

    verb: str
    done: list[dict[str, Any]] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    """Someone else was faster."""
    failed: list[dict[str, Any]] = field(default_factory=list)
    left: int = 0
    """Not tried."""


@click.command("replay")
@_ids
@_all
@reason_option
@source_option
@click.option(
    "--force", is_flag=True, help="Let an event without a version win over what was written after the event failed."
)
@_yes
@server_option
@json_option
def replay(
    letters: tuple[int, ...],
    every: bool,
    reason: str | None,
    source: str | None,
    force: bool,
    yes: bool,
    server: str,
    as_json: bool,
) -> None:
    """Apply events again, once what was wrong is mended; those that are applied leave the dead letters.

    An event that has a version takes the place that it would have had. One without becomes the newest version of its document;
    where the document was written after the event failed, that is refused unless --force is given. Exit status 1 says that a
    letter failed; it stays.
    """

    def act(client: Client, letter: int) -> dict[str, Any]:
        done = client.admin.dead_letters.replay(letter, force=force)
        outcome = ingest_service_pb2.WriteOutcome.Name(done.outcome).removeprefix("WRITE_OUTCOME_").lower()
        return {"id": letter, "outcome": outcome, "version": done.version, "watermark": done.watermark}

    _change("replay", act, letters, _Choice(every, reason, source, yes), server, as_json=as_json)


@click.command("discard")
@_ids
@_all
@reason_option
@source_option
@_yes
@server_option
@json_option
def discard(
    letters: tuple[int, ...],
    every: bool,
    reason: str | None,
    source: str | None,
    yes: bool,
    server: str,
    as_json: bool,
) -> None:
    """Delete dead letters. Their events are not applied, and nothing here brings them back."""

    def act(client: Client, letter: int) -> dict[str, Any]:
        client.admin.dead_letters.discard(letter)
        return {"id": letter}

    _change("discard", act, letters, _Choice(every, reason, source, yes), server, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Choice:
    every: bool
    reason: str | None
    source: str | None
    yes: bool


def chosen(client: Client, reason: str | None, source: str | None) -> Iterator[admin_service_pb2.DeadLetter]:
    """The letters of a reason and of sources, or all."""
    for letter in client.admin.dead_letters.list():
        if reason in (None, letter.reason) and letter.source.startswith(source or ""):
            yield letter


def _change(verb: str, act: Act, letters: Sequence[int], choice: _Choice, server: str, *, as_json: bool) -> None:
    if bool(letters) == choice.every:
        raise click.UsageError("give the ids of dead letters, or --all")
    if (choice.reason or choice.source) and not choice.every:
        raise click.UsageError("--reason and --source choose among --all")
    if choice.every and as_json and not choice.yes:
        raise click.UsageError("--all with --json needs --yes: nobody is asked")
    report = Report(f"{verb}ed")
    try:
        with connected(server) as client:
            if choice.every:
                letters = [letter.id for letter in chosen(client, choice.reason, choice.source)]
                if letters and not choice.yes:
                    click.confirm(f"{verb} {len(letters)} dead letters?", abort=True, err=True)
            _each(client, list(dict.fromkeys(letters)), act, report, quiet=as_json)
    except BaseException:  # a server that is gone, or Ctrl-C: what was done until then is told
        if report.done or report.failed:
            _tell(report, as_json=as_json)
        raise
    _tell(report, as_json=as_json)
    sys.exit(1 if report.failed or (report.gone and not choice.every) else 0)


def _each(client: Client, letters: Sequence[int], act: Act, report: Report, *, quiet: bool) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    report.left = len(letters)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True) as progress:
        for letter in progress.track(letters, description=report.verb):
            try:
                report.done.append(_patiently(partial(act, client, letter)))
            except NotFound as error:
                if error.reason != "DEAD_LETTER_NOT_FOUND":
                    report.failed.append(_failure(letter, error))
                else:
                    report.gone.append(letter)
            except (Unavailable, ResourceExhausted) as error:
                if error.reason != "STAGE_FAILED":
                    raise  # no fault of the letter: the next would fail in the same way
                report.failed.append(_failure(letter, error))
            except RagstoneError as error:
                report.failed.append(_failure(letter, error))
            report.left -= 1


def _patiently(act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Wait as often as a server that is busy asks for it."""
    for _ in range(TRIES - 1):
        try:
            return act()
        except ResourceExhausted as error:
            if error.retry_after is None:
                raise
            time.sleep(error.retry_after)
    return act()


def _failure(letter: int, error: RagstoneError) -> dict[str, Any]:
    return {"id": letter, "reason": error.reason, "message": error.message}


def _tell(report: Report, *, as_json: bool) -> None:
    if as_json:
        print_json({report.verb: report.done, "gone": report.gone, "failed": report.failed, "left": report.left})
        return
    counts: dict[str, list[Any]] = {report.verb: report.done, "gone already": report.gone, "failed": report.failed}
    said = [f"{len(letters)} {what}" for what, letters in counts.items() if letters or what == report.verb]
    click.echo(", ".join([*said, f"{report.left} not tried"] if report.left else said))
    for failure in report.failed[:SHOWN_FAILURES]:
        click.echo(f"  {failure['id']}: {printable(failure['message'])} ({failure['reason']})", err=True)
    if len(report.failed) > SHOWN_FAILURES:
        click.echo(f"  and {len(report.failed) - SHOWN_FAILURES} more; --json lists them all", err=True)
    if report.failed:
        click.echo(
            "those that failed are still there; mend what is wrong and replay them again, or discard them", err=True
        )
    if any(failure["reason"] == "VERSION_STALE" for failure in report.failed):
        what = "VERSION_STALE: the document is newer than the event, which then is of no use: discard it"
        click.echo(f"{what}; one without a version can be replayed with --force", err=True)
