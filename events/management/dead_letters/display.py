"""Show dead letters as tables and as JSON."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.utils import timezone
from rich.text import Text

from events.dead_letters.payload_text import compare, cut, pretty
from events.dead_letters.queries import ErrorCount, queued_behind
from events.envelope import Envelope
from events.log.reading import read_event
from events.management.console import Console, Table
from events.models import DeadLetter, LogEntry
from events.texts.printable import printable

State = DeadLetter.State
LONGEST_ERROR = 100
LONGEST_DETAIL = 500
SHOWN_BEHIND = 20
STYLES = {State.PARKED: "red", State.QUEUED: "yellow", State.RETRY: "cyan", State.HANDLED: "green"}
DIFFERENCE_STYLES = {"+": "green", "-": "red", ".": "dim"}
COLUMNS = (
    "id",
    "state",
    "group",
    "target",
    "partition",
    "position",
    "entry_id",
    "event_id",
    "type",
    "subject",
    "error_type",
    "error",
    "attempts",
    "parked_at",
)


def letters_table(letters: Iterable[DeadLetter]) -> Table:
    """Return a table that fits into 80 columns although subjects are often UUIDs."""
    table = Table("id", "state", "group", "event and error", show_lines=True)
    for name in ("tries", "age"):
        table.add_column(name, justify="right")
    for letter in letters:
        told = Text("\n").join([_text(letter.type or "foreign entry"), _text(letter.subject or letter.entry_id)])
        state = Text(letter.state, STYLES.get(State(letter.state), "dim"))
        error = _text(f"\n{_error(letter)}")
        table.add_row(
            str(letter.id), state, _text(letter.group), told + error, str(letter.attempts), _age(letter.parked_at)
        )
    return table


def _error(letter: DeadLetter) -> str:
    said = f"{letter.error_type}: {letter.error}".removeprefix(": ").replace("\n", " ")
    return said if len(said) <= LONGEST_ERROR else f"{said[:LONGEST_ERROR]}..."


def errors_table(counts: Sequence[ErrorCount]) -> Table:
    table = Table("group", "event", "error")
    for name in ("letters", "oldest", "newest"):
        table.add_column(name, justify="right")
    for count in counts:
        names = (count["group"], count["type"] or "foreign entry", count["error_type"] or "queued behind another")
        figures = (f"{count['letters']:,}", _age(count["oldest"]), _age(count["newest"]))
        table.add_row(*map(_text, names), *figures)
    return table


def as_json(letter: DeadLetter) -> str:
    return msgspec.json.encode(_columns(letter)).decode()


def full_json(letter: DeadLetter) -> str:
    """Return all that is known of a letter, as JSON."""
    event = _event(letter)
    behind = queued_behind(letter).values("id", "position", "type", "event_id")
    everything = _columns(letter) | {
        "traceback": letter.traceback,
        "fields": letter.fields,
        "event": event and msgspec.structs.asdict(event) | {"data": _raw(event.data)},
        "edited_data": letter.edited_data and _raw(letter.edited_data),
        "edited_version": letter.edited_version,
        "queued_behind": list(behind),
        "actions": list(letter.actions.values("at", "actor", "action", "detail")),
    }
    return msgspec.json.format(msgspec.json.encode(everything)).decode()


def print_letter(console: Console, letter: DeadLetter) -> None:
    """Print all that is known of a letter, the latest action last."""
    event = _event(letter)
    console.print(_facts(letter, event))
    for title, text in _sections(letter, event):
        console.print(f"\n[bold]{title}[/]")
        console.write(text.rstrip("\n") + "\n")  # It may be 1 MB.
    if event and letter.edited_data:
        console.print("\n[bold]changes of the edit[/]")
        print_difference(console, event.data, letter.edited_data)
    _print_behind(console, letter)
    if letter.actions.exists():
        console.print("\n[bold]actions[/]", _trail(letter), sep="\n")


def print_difference(console: Console, before: str, after: str) -> None:
    for line in compare(before, after):
        console.print(Text(printable(line), DIFFERENCE_STYLES.get(line[:1], "")), soft_wrap=True)


def _facts(letter: DeadLetter, event: Envelope | None) -> Table:
    facts = {name.replace("_", " "): value for name, value in _columns(letter).items()}
    if event:
        metadata = msgspec.structs.asdict(event)
        facts |= {name.replace("_", " "): metadata[name] for name in metadata if name not in {"id", "data"}}
    table = Table("", "", box=None, show_header=False, pad_edge=False)
    for name, value in facts.items():
        if value not in {None, ""}:
            table.add_row(name, _text(f"{value:%Y-%m-%d %H:%M:%S%z}" if isinstance(value, datetime) else str(value)))
    return table


def _sections(letter: DeadLetter, event: Envelope | None) -> Iterator[tuple[str, str]]:
    if letter.traceback:
        yield "traceback", letter.traceback
    if letter.fields is not None:
        yield "fields of the entry", pretty(msgspec.json.encode(letter.fields).decode())
    if event:
        yield f"payload, version {event.schema_version}", pretty(event.data)
    elif letter.event_id:
        yield "payload", "this event is no longer in the log"
    if letter.edited_data:
        yield f"payload that is handled instead, version {letter.edited_version}", pretty(letter.edited_data)


def _print_behind(console: Console, letter: DeadLetter) -> None:
    behind = queued_behind(letter)
    if count := behind.count():
        console.print(f"\n[bold]{count:,} queued behind it[/]", letters_table(behind[:SHOWN_BEHIND]), sep="\n")


def _trail(letter: DeadLetter) -> Table:
    table = Table("at", "action", "by", "detail")
    for action in letter.actions.all():
        at = f"{action.at:%Y-%m-%d %H:%M:%S}"
        table.add_row(at, _text(action.action), _text(action.actor), _text(cut(action.detail, LONGEST_DETAIL)))
    return table


def _columns(letter: DeadLetter) -> dict[str, Any]:
    return {name: getattr(letter, name) for name in COLUMNS} | {"edited": letter.edited_version is not None}


def _event(letter: DeadLetter) -> Envelope | None:
    try:
        return read_event(letter.event_id) if letter.event_id else None
    except LogEntry.DoesNotExist:
        return None


def _raw(data: str) -> object:
    """Return the JSON as written; anything else, as text."""
    try:
        return msgspec.json.decode(data, type=msgspec.Raw)
    except msgspec.DecodeError:
        return data


def _age(since: datetime) -> str:
    minutes = int((timezone.now() - since).total_seconds()) // 60
    days, hours = minutes // 1440, minutes // 60
    return f"{days}d" if days else f"{hours}h" if hours else f"{minutes}m"


def _text(text: str) -> Text:
    """Return text in which rich finds no markup and the terminal no control characters."""
    return Text(printable(text))
