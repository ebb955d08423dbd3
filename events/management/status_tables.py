"""The status as tables for the terminal."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.utils import timezone
from rich.console import ConsoleOptions, Group, RenderableType
from rich.filesize import decimal
from rich.markup import escape
from rich.measure import Measurement
from rich.text import Text

from events.groups.ownership import RETRYING
from events.management.console import UNLIMITED, Table
from events.operations.status import GroupStatus, PartitionStatus
from events.relay.divergence import REMEDY
from events.texts.printable import printable

NOTABLE_SILENCE_SECONDS = 10
COLUMNS = ("checkpoint", "lag", "oldest", "pending", "dead letters")


def render(partitions: Sequence[PartitionStatus]) -> Group:
    return Group(*[part for partition in partitions for part in _parts(partition)])


def _parts(partition: PartitionStatus) -> Iterator[RenderableType]:
    yield (
        f"[bold]partition {partition.partition}[/]: log at {partition.last_position:,}, "
        f"{partition.without_position:,} events without a position; stream {escape(partition.stream)}: "
        f"{_window(partition)}"
    )
    if partition.parent is not None:
        yield f"it was split off from partition {partition.parent} at {partition.parent_position:,}"
    if partition.divergence:
        yield f"[bold red]diverged[/]: {escape(partition.divergence)}; {REMEDY}"
    if partition.foreign_entries:
        yield (
            f"[yellow]foreign entries[/]: {partition.foreign_entries:,} were found so far, and the stream was repaired "
            f"{partition.repairs:,} times"
        )
    yield Groups(partition.groups)
    yield from [note for group in partition.groups for note in _notes(group)]


class Groups:
    """A table of the groups; where the terminal is too narrow for it, lines with their names in full."""

    def __init__(self, groups: Sequence[GroupStatus]) -> None:
        self._groups = groups

    def __rich_console__(self, console: Any, options: ConsoleOptions) -> Iterator[RenderableType]:
        table = self._table()
        if Measurement.get(console, options.update(width=UNLIMITED), table).maximum <= options.max_width:
            yield table
        else:
            yield from (line for group in self._groups for line in _lines(group))

    def _table(self) -> Table:
        table = Table("group", "target")
        for column in COLUMNS:
            table.add_column(column, justify="right")
        table.add_column("owner")
        for group in self._groups:
            table.add_row(*_cells(group), style=_style(group))
        return table


def _lines(group: GroupStatus) -> Iterator[Text]:
    name, target, *cells, owner = _cells(group)
    style = _style(group)
    for text in filter(None, (name, target)):
        yield Text(printable(text), style=f"bold {style}", overflow="fold")
    for title, cell in zip((*COLUMNS, "owner"), (*cells, owner), strict=True):
        yield Text(f"  {title:<12}  {printable(cell)}", style=style)


def _window(partition: PartitionStatus) -> str:
    if partition.stream_error:
        return f"[red]{escape(partition.stream_error)}[/]"
    size = "" if partition.stream_bytes is None else f", {decimal(partition.stream_bytes)}"
    return f"{partition.stream_length:,} entries up to {partition.stream_position:,}{size}"


def _cells(group: GroupStatus) -> Iterator[str]:
    yield from (group.group, group.target, f"{group.checkpoint:,}", f"{group.lag:,}")
    yield f"{group.lag_seconds:.1f} s"
    yield "?" if group.pending is None else f"{group.pending:,}"
    yield f"{group.dead_letters:,}" + (f" ({group.letters_to_retry:,} to retry)" * bool(group.letters_to_retry))
    yield _owner(group)


def _owner(group: GroupStatus) -> str:
    if group.owner is None:
        return "none, paused" if group.is_paused else "none"
    state = group.owner.state or "gone"
    return f"{group.owner.member}, {'lease expired, ' * group.owner.is_expired}{state}"


def _style(group: GroupStatus) -> str:
    is_owned = group.owner and group.owner.state and not group.owner.is_expired
    if group.dead_letters or (group.lag and not is_owned) or (group.owner and group.owner.state == RETRYING):
        return "red"
    return "yellow" if group.lag or group.is_paused else "green"


def _notes(group: GroupStatus) -> Iterator[str]:
    name = f"[bold]{escape(f'{group.group} {group.target}'.strip())}[/]"
    if group.is_paused:
        yield f"{name} is paused; run manage.py resume_consumers {escape(group.group)} to let it go on"
    if group.owner and group.owner.error:
        does = f"is retrying{_next_attempt(group)}" if group.owner.state == RETRYING else "reads the log"
        yield f"{name} {does}: [red]{escape(group.owner.error)}[/]"
    if group.attempts:
        yield f"{name} has failed {_times(group.attempts)} with the event at {group.failed_position:,}"
    if group.owner and group.owner.silent_seconds >= NOTABLE_SILENCE_SECONDS:
        yield f"{name}: the handler has made no progress for {group.owner.silent_seconds:.0f} s"
    if group.one_at_a_time_to:
        last = f"{group.one_at_a_time_to:,}"
        yield f"{name} [red]hung[/] {_times(group.hangs)}; events up to {last} are handled one at a time"
    if group.reads_from_log:
        yield f"{name} has fallen behind the stream, and reads the log"
    if group.is_held_back:
        yield f"{name} is held back: events that come first, in the partition that was split, are not handled yet"
    if group.standing_by:
        yield f"{name}: {escape(', '.join(group.standing_by))} standing by"
    for process in group.not_ready:
        yield f"{name}: [red]{escape(process)}[/]"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"


def _next_attempt(group: GroupStatus) -> str:
    if not (group.owner and group.owner.retry_at):
        return ""
    return f", next in {max(0.0, (group.owner.retry_at - timezone.now()).total_seconds()):.1f} s"
