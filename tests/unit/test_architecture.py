"""The code can be read along the way of an event: each module says which is next."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEXT = re.compile(r"^Next: (\S+)$", re.MULTILINE)


def test_the_next_lines_lead_from_the_models_to_the_search() -> None:
    way = ["tickets/models.py"]
    while found := NEXT.search((ROOT / way[-1]).read_text()):
        way.append(found[1])

    assert way == [
        "tickets/models.py",
        "events/collector.py",
        "events/outbox.py",
        "events/relay.py",
        "events/stream.py",
        "events/consumer.py",
        "readmodel/subscriber.py",
        "readmodel/projections.py",
        "readmodel/index.py",
        "readmodel/search.py",
    ]
