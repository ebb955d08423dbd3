"""Take the place of threads, clocks and random numbers in the modules of the core."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from tests.simulation.expressions import EPOCH
from tests.simulation.scheduler import Queue, Scheduler


class Clock:
    """The modules `time` and `django.utils.timezone`, on the clock of the simulated world."""

    world: Any

    def monotonic(self) -> float:
        return self.world.scheduler.now  # type: ignore[no-any-return]

    def time(self) -> float:
        return self.now().timestamp()

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.world.scheduler.now + self.world.clock_offset)

    def sleep(self, seconds: float) -> None:
        self.world.scheduler.sleep(seconds)


class Event:
    """`threading.Event`."""

    def __init__(self, scheduler: Callable[[], Scheduler]) -> None:
        self._scheduler = scheduler
        self._is_set = False
        self._waiting: Queue = []

    def set(self) -> None:
        self._is_set = True
        self._scheduler().wake_all(self._waiting)

    def clear(self) -> None:
        self._is_set = False

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, seconds: float | None = None) -> bool:
        if not self._is_set and self._scheduler().current:
            self._scheduler().wait_in(self._waiting, seconds=seconds)
        return self._is_set


class Lock:
    """`threading.Lock`."""

    def __init__(self, scheduler: Callable[[], Scheduler]) -> None:
        self._scheduler = scheduler
        self._is_held = False
        self._waiting: Queue = []

    def __enter__(self) -> None:
        while self._is_held:
            self._scheduler().wait_in(self._waiting)
        self._is_held = True

    def __exit__(self, *_: object) -> None:
        self._is_held = False
        self._scheduler().wake_all(self._waiting)


class Future:
    """`concurrent.futures.Future`."""

    def __init__(self, scheduler: Callable[[], Scheduler]) -> None:
        self._ended = Event(scheduler)
        self._result: Any = None
        self._error: Exception | None = None

    def run(self, work: Callable[[], Any]) -> None:
        try:
            self._result = work()
        except Exception as error:  # noqa: BLE001 (raised where the result is asked for)
            self._error = error
        self._ended.set()

    def done(self) -> bool:
        return self._ended.is_set()

    def cancel(self) -> bool:
        return False

    def wait(self, seconds: float | None = None) -> None:
        self._ended.wait(seconds)

    def result(self) -> Any:
        self.wait()
        if self._error:
            raise self._error
        return self._result


class Threads:
    """`Thread`, `ThreadPoolExecutor`, `wait` and `started`: each makes a task of the calling process."""

    def __init__(self, scheduler: Callable[[], Scheduler]) -> None:
        self._scheduler = scheduler

    def spawn(self, run: Callable[[], None]) -> None:
        scheduler = self._scheduler()
        assert scheduler.current
        scheduler.spawn(scheduler.current.process, run)

    def started(self, work: Callable[[], Any], *, name: str) -> Future:
        future = Future(self._scheduler)
        self.spawn(lambda: future.run(work))
        return future

    def thread(self, *, target: Callable[..., None], args: tuple[Any, ...] = (), **_: Any) -> "Thread":
        return Thread(self, lambda: target(*args))

    def pool(self, size: int) -> "Pool":
        return Pool(self, size)

    @staticmethod
    def wait(futures: Collection[Future], timeout: float | None = None) -> None:
        for future in list(futures):
            future.wait(timeout)


class Thread:
    def __init__(self, threads: Threads, run: Callable[[], None]) -> None:
        self._threads = threads
        self._run = run
        self._future: Future | None = None

    def start(self) -> None:
        self._future = self._threads.started(self._run, name="")

    def join(self) -> None:
        assert self._future
        self._future.wait()


class Pool:
    """As many calls at a time as it has threads; the others wait, in order."""

    def __init__(self, threads: Threads, size: int) -> None:
        self._threads = threads
        self._free = size
        self._waiting: list[tuple[Future, Callable[[], None]]] = []
        self._futures: list[Future] = []

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future:
        future = Future(self._threads._scheduler)
        self._waiting.append((future, lambda: work(*arguments)))
        self._futures.append(future)
        self._begin()
        return future

    def _begin(self) -> None:
        while self._free and self._waiting:
            future, work = self._waiting.pop(0)
            self._free -= 1
            self._threads.spawn(lambda future=future, work=work: self._run(future, work))

    def _run(self, future: Future, work: Callable[[], None]) -> None:
        future.run(work)
        self._free += 1
        self._begin()

    def shutdown(self, *, cancel_futures: bool) -> None:
        waiting = {future for future, _ in self._waiting}
        self._waiting.clear()
        for future in self._futures:
            if future not in waiting:
                future.wait()


def identifier(random: Random) -> UUID:
    return UUID(int=random.getrandbits(128), version=4)
