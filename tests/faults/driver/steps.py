"""Name the steps of each process at which it is killed or stopped, and let it happen there.

A process passes the byte of each step on in a file that it shares with the driver. Once the driver has armed a step,
the process sends itself the chosen signal when it comes there, before or after the call of the step's function.
"""

import inspect
import mmap
import os
import signal
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NamedTuple

type Condition = Callable[[Sequence[Any], Any], object]


def always(_arguments: Sequence[Any], _result: Any) -> bool:
    return True


def argument(number: int) -> Condition:
    """Hold if this argument is not empty; in a method, `self` is number 0."""
    return lambda arguments, _: arguments[number]


def result(_arguments: Sequence[Any], found: Any) -> object:
    """Hold if the call returned something."""
    return found


def given(_arguments: Sequence[Any], found: Any) -> object:
    """Hold if positions were given."""
    return found.positions


class Step(NamedTuple):
    """A place in a process of a role: just before or just after a call of a function."""

    role: str
    label: str
    owner: str
    """The dotted path of the function's class or module."""
    function: str
    is_after: bool = False
    condition: Condition = always
    """Which calls are meant; before a call there is no result yet."""
    needs: str = ""
    """The fault without which the process does not come here."""


FLUSH = "events.relay.flush"
RELAY = "events.relay.partition_relay"
STREAM = "events.stream.redis_stream.RedisStream"
OWNERSHIP = "events.groups.ownership.Ownership"
DOCUMENTS = "readmodel.index.documents.Documents"
INDICES = "readmodel.index.aliases.Indices"
READER = "events.consumer.group_reader.GroupReader"
CHECKPOINT = "events.groups.checkpoint"
TARGET = "tickets.webhooks.target.WebhookTarget"
LETTERS = "events.dead_letters.parking"
REBUILD = "readmodel.rebuild"
AFTER = True

STEPS = (
    Step("web", "changed, event not recorded", "events.recording.outbox", "store"),
    Step("web", "event recorded, not committed", "events.recording.outbox", "store", AFTER),
    Step("web", "committed, no position", FLUSH, "give_positions"),
    Step("web", "positions given, not appended", FLUSH, "give_positions", AFTER, given),
    Step("web", "about to append", STREAM, "append", condition=argument(3)),
    Step("web", "appended, not answered", STREAM, "append", AFTER, argument(3)),
    Step("web", "flushed, not answered", FLUSH, "flush_committed", AFTER),
    Step("relay", "about to give positions", RELAY, "give_positions"),
    Step("relay", "positions given, not appended", RELAY, "give_positions", AFTER, given),
    Step("relay", "about to append", STREAM, "append", condition=argument(3)),
    Step("relay", "appended", STREAM, "append", AFTER, argument(3)),
    Step("relay", "foreign end seen", RELAY, "repair_end", needs="Valkey: a foreign entry is added"),
    Step("relay", "foreign end taken away", RELAY, "repair_end", AFTER, needs="Valkey: a foreign entry is added"),
    Step("relay", "about to delete a foreign middle", STREAM, "delete_ending", needs="Valkey: an entry is altered"),
    Step("relay", "foreign middle deleted", STREAM, "delete_ending", AFTER, needs="Valkey: an entry is altered"),
    Step("relay", "about to shorten a full stream", RELAY, "_shorten", needs="Valkey: full"),
    Step("readmodel", "opened, not joined", OWNERSHIP, "join", needs="readmodel: killed"),
    Step("readmodel", "joined", OWNERSHIP, "join", AFTER, needs="readmodel: killed"),
    Step("readmodel", "about to acquire", OWNERSHIP, "acquire", needs="readmodel: killed"),
    Step("readmodel", "acquired", OWNERSHIP, "acquire", AFTER, result, needs="readmodel: killed"),
    Step("readmodel", "group rewound", READER, "take_over", AFTER, needs="readmodel: killed"),
    Step("readmodel", "about to renew the lease", OWNERSHIP, "_renew"),
    Step("readmodel", "read, not handled", READER, "read", AFTER, result),
    Step("readmodel", "about to handle", "readmodel.subscriber.ReadModel", "handle"),
    Step("readmodel", "about to write documents", DOCUMENTS, "write", condition=argument(1)),
    Step("readmodel", "documents written", DOCUMENTS, "write", AFTER, argument(1)),
    Step("readmodel", "about to move the checkpoint", CHECKPOINT, "advance"),
    Step("readmodel", "checkpoint moved", CHECKPOINT, "advance", AFTER),
    Step("readmodel", "about to acknowledge", STREAM, "acknowledge"),
    Step("readmodel", "acknowledged", STREAM, "acknowledge", AFTER),
    Step(
        "readmodel",
        "read from the log",
        "events.consumer.subscription.Subscription",
        "deliver_from_log",
        AFTER,
        needs="Valkey: wiped",
    ),
    Step(
        "readmodel",
        "about to return to the stream",
        READER,
        "_set_group",
        needs="Valkey: the groups are destroyed",
    ),
    Step("readmodel", "about to create a lost index", INDICES, "_create_first", needs="Elasticsearch: index deleted"),
    Step("readmodel", "lost index created", INDICES, "_create_first", AFTER, needs="Elasticsearch: index deleted"),
    Step(
        "readmodel",
        "about to repair a document",
        "readmodel.verification.audit",
        "repair",
        condition=argument(1),
        needs="Elasticsearch: documents damaged",
    ),
    Step("readmodel", "about to leave", OWNERSHIP, "leave", needs="readmodel: restarted"),
    Step("readmodel", "left", OWNERSHIP, "leave", AFTER, needs="readmodel: restarted"),
    Step("access", "about to send a webhook", TARGET, "post"),
    Step("access", "webhook sent", TARGET, "post", AFTER),
    Step("access", "about to move the checkpoint", CHECKPOINT, "advance"),
    Step("access", "checkpoint moved", CHECKPOINT, "advance", AFTER),
    Step("access", "about to park a letter", LETTERS, "park", needs="receiver: refuses"),
    Step("access", "letter parked, not committed", LETTERS, "park", AFTER, needs="receiver: refuses"),
    Step("access", "about to close a letter", LETTERS, "close", needs="receiver: refuses"),
    Step("access", "letter closed", LETTERS, "close", AFTER, needs="receiver: refuses"),
    Step("rebuild", "lease acquired", REBUILD, "_acquire_in_time", AFTER),
    Step("rebuild", "about to create the index", INDICES, "create_next"),
    Step("rebuild", "index created", INDICES, "create_next", AFTER),
    Step("rebuild", "filled, not compared", REBUILD, "prove"),
    Step("rebuild", "compared, refreshes held", REBUILD, "_is_as_current"),
    Step("rebuild", "about to move the alias", INDICES, "choose"),
    Step("rebuild", "alias moved", INDICES, "choose", AFTER),
    Step("rebuild", "about to delete the old index", INDICES, "delete"),
    Step("rebuild", "old index deleted", INDICES, "delete", AFTER),
)

READY, ARMED, SIGNAL, STRUCK, PASSED = range(5)
"""The bytes of the shared file: whether the process has loaded everything; the armed step's number, from 1; the signal;
whether it was sent; then one for each step that the process has come to."""
SIZE = PASSED + len(STEPS)


def shared(file: Path) -> mmap.mmap:
    """Map the file, which is made if it does not exist."""
    with file.open("a+b") as opened:
        opened.truncate(SIZE)
        return mmap.mmap(opened.fileno(), SIZE)


def watch(role: str, file: Path) -> None:
    """Let this process pass the steps of its role on, and be killed or stopped at the armed one."""
    memory = shared(file)
    functions = defaultdict(list)
    for number, step in enumerate(STEPS):
        if step.role == role:
            functions[step.owner, step.function].append(number)
    for (owner, function), numbers in functions.items():
        _wrap(resolve_name(owner), function, memory, numbers)
    memory[READY] = 1


def _wrap(owner: Any, function: str, memory: mmap.mmap, numbers: Sequence[int]) -> None:
    original = getattr(owner, function)

    def before(*arguments: Any) -> None:
        _come_to(memory, [number for number in numbers if not STEPS[number].is_after], arguments, None)

    def after(arguments: Sequence[Any], found: Any) -> None:
        _come_to(memory, [number for number in numbers if STEPS[number].is_after], arguments, found)

    @wraps(original)
    def call(*arguments: Any, **options: Any) -> Any:
        before(*arguments)
        found = original(*arguments, **options)
        after(arguments, found)
        return found

    @wraps(original)
    async def call_later(*arguments: Any, **options: Any) -> Any:
        before(*arguments)
        found = await original(*arguments, **options)
        after(arguments, found)
        return found

    setattr(owner, function, call_later if inspect.iscoroutinefunction(original) else call)


def _come_to(memory: mmap.mmap, numbers: Sequence[int], arguments: Sequence[Any], found: Any) -> None:
    for number in numbers:
        if STEPS[number].condition(arguments, found):
            memory[PASSED + number] = 1
            if memory[ARMED] == number + 1:
                memory[ARMED] = 0
                memory[STRUCK] = 1
                os.kill(os.getpid(), memory[SIGNAL] or signal.SIGKILL)
