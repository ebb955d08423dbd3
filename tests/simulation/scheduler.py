"""Run simulated processes in turns, on a simulated clock: at each call of a server one may be switched, or fail."""

import heapq
from collections.abc import Callable, Container, Sequence
from functools import partial
from itertools import count
from random import Random
from typing import Any

from greenlet import getcurrent, greenlet

CALL_SECONDS = 0.0005
"""How long a call of a server takes."""


class Crash(BaseException):
    """The process is gone. Whatever its code still does reaches no server."""


class Stuck(Exception):
    """Every process waits for another one."""


class Process:
    """A simulated process; its tasks are its threads."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_dead = False
        self.is_finished = False
        self.stopped_until = 0.0
        self.tasks: list[Task] = []
        self.on_end: Callable[[], object] | None = None


class Task:
    """A thread of a process. It runs until it calls a server, waits, or ends."""

    def __init__(self, process: Process, run: Callable[[], None], hub: greenlet) -> None:
        self.process = process
        self.greenlet = greenlet(run, hub)
        self.session: Any = None
        self.waits = 0
        """Counts its waits, so that a timer of an earlier one is told apart."""
        self.is_waiting = False
        self.was_woken = False
        """Whether its last wait ended before its time was over."""
        self.interruption: BaseException | None = None


type Queue = list[tuple[Task, int]]
"""Tasks that wait, each with the number of its wait: by then it may wait for something else."""


class Call:
    """A kind of call of a server that a fault may meet; `failure` tells the task what it learns of one."""

    __slots__ = ("failure", "kind")

    def __init__(self, kind: str, failure: Callable[["Task"], Exception]) -> None:
        self.kind = kind
        self.failure = failure


class Scheduler:
    """Chooses by its random numbers which task runs next; `on_step` is asked before each call of a server."""

    def __init__(self, random: Random, *, switching: float) -> None:
        self.now = 0.0
        self.steps = 0
        self.current: Task | None = None
        self.trace: list[str] | None = None
        self.next_fault_step: float = float("inf")
        self.watched: Container[str] = ()
        """Kinds of calls that faults are aimed at."""
        self.on_fault: Callable[[Call], Callable[[], None] | None] = lambda _: None
        self._draw, self._getrandbits = random.random, random.getrandbits
        self._switching = switching
        self._hub = getcurrent()
        self._ready: list[Task] = []
        self._timers: list[tuple[float, int, Task | None, Any]] = []
        self._number = count()
        self._dead: list[Process] = []
        self._failure: BaseException | None = None
        self._most_steps = 0

    # What tasks call

    def call[Result](self, call: Call, effect: Callable[[], Result]) -> Result:
        """Call a server: other tasks may run before, and a fault may meet the call."""
        afterwards = self.enter(call)
        result = effect()
        if afterwards:
            afterwards()
        return result

    def enter(self, call: Call) -> Callable[[], None] | None:
        """Begin a call of a server; return what happens after its effect."""
        task = self.current
        if task is None:
            self.now += CALL_SECONDS
            return None
        if task.process.is_dead:
            raise Crash
        self.now += CALL_SECONDS
        self.steps += 1
        is_due = self.steps >= self.next_fault_step or call.kind in self.watched
        afterwards = self.on_fault(call) if is_due else None
        if self._draw() < self._switching and (self._ready or self._is_timer_due()):
            self._ready.append(task)
            self._switch(task)
        if self.trace is not None:
            self.trace.append(f"{self.now:9.4f} {task.process.name:<12} {call.kind}")
        return afterwards

    def _is_timer_due(self) -> bool:
        return bool(self._timers) and self._timers[0][0] <= self.now

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the task is woken, or so many seconds; tell whether it was woken."""
        task = self.current
        assert task
        if task.process.is_dead:
            raise Crash
        if seconds is not None:
            heapq.heappush(self._timers, (self.now + seconds, next(self._number), task, task.waits))
        task.is_waiting, task.was_woken = True, False
        self._switch(task)
        return task.was_woken

    def wait_in(self, *queues: Queue, seconds: float | None = None) -> bool:
        """Wait until one of the queues is woken, or so many seconds; tell whether it was woken."""
        task = self.current
        assert task
        for queue in queues:
            queue.append((task, task.waits))
        return self.wait(seconds)

    def sleep(self, seconds: float) -> None:
        self.wait(max(seconds, 0.0))

    def _go_on(self, task: Task) -> None:
        task.is_waiting = False
        task.waits += 1
        self._ready.append(task)

    def wake_all(self, queue: Queue) -> None:
        """Let the tasks go on that still wait in the queue."""
        woken = queue[:]
        queue.clear()
        for task, number in woken:
            if task.is_waiting and task.waits == number:
                task.was_woken = True
                self._go_on(task)

    def interrupt(self, task: Task, error: BaseException) -> None:
        """Let a waiting task go on with an exception, as a signal's handler does."""
        if task.is_waiting:
            task.interruption = error
            self._go_on(task)

    def _switch(self, task: Task) -> None:
        """Let another task run, which is chosen here if the hub has nothing else to do."""
        if (chosen := self._chosen()) is None:
            self._hub.switch()
        elif chosen is not task:
            self.current = chosen
            chosen.greenlet.switch()
        if task.process.is_dead:
            raise Crash
        if task.interruption:
            interruption, task.interruption = task.interruption, None
            raise interruption

    def _below(self, limit: int) -> int:
        """Return what `randrange` of the same random numbers does, in less time."""
        bits = limit.bit_length()
        while (drawn := self._getrandbits(bits)) >= limit:
            pass
        return drawn

    def _chosen(self) -> Task | None:
        """Return the task that runs next; None if the hub has something to do first."""
        ready, timers = self._ready, self._timers
        if self._dead or self._failure or self.steps > self._most_steps or (timers and timers[0][0] <= self.now):
            return None
        while ready:
            task = ready.pop(self._below(len(ready)) if len(ready) > 1 else 0)
            if task.process.is_dead:
                continue
            if task.process.stopped_until <= self.now:
                return task
            self.at(task.process.stopped_until, partial(ready.append, task))
        return None

    # What ends and begins tasks

    def spawn(self, process: Process, run: Callable[[], None]) -> Task:
        task = Task(process, lambda: self._run(run), self._hub)
        process.tasks.append(task)
        self._ready.append(task)
        return task

    def _run(self, run: Callable[[], None]) -> None:
        try:
            run()
        except Crash:
            pass
        except BaseException as error:  # noqa: BLE001 (raised in the hub)
            self._failure = error

    def at(self, time: float, action: Callable[[], None]) -> None:
        """Do something in the hub at that time."""
        heapq.heappush(self._timers, (time, next(self._number), None, action))

    def kill(self, process: Process) -> None:
        """End the process now. The hub unwinds its tasks, which reach no server any more."""
        process.is_dead = True
        for task in process.tasks:
            if task.session:
                task.session.abort()
        self._dead.append(process)

    # The hub

    def run(self, is_over: Callable[[], bool], *, until: float, most_steps: int) -> bool:
        """Run the tasks until `is_over`, which is asked whenever all of them wait; tell whether that came in time."""
        timers = self._timers
        self._most_steps = most_steps
        while True:
            if self._dead:
                self._bury()
            if self._failure:
                failure, self._failure = self._failure, None
                raise failure
            if self._is_timer_due():
                self._fire(heapq.heappop(timers))
            elif task := self._chosen():
                self.current = task
                task.greenlet.switch()
                self.current = None
            elif self.steps > most_steps:
                return False
            elif self._ready or self._is_timer_due():
                continue
            elif is_over():
                return True
            elif not timers:
                raise Stuck
            else:
                self.now = max(self.now, timers[0][0])
                if self.now > until:
                    return False

    def _fire(self, timer: tuple[float, int, Task | None, Any]) -> None:
        _, _, task, what = timer
        if task is None:
            what()
        elif task.is_waiting and task.waits == what:
            self._go_on(task)

    def _bury(self) -> None:
        while self._dead:
            process = self._dead.pop()
            for task in process.tasks:
                if task.greenlet and not task.greenlet.dead:
                    self.current = task
                    task.greenlet.throw(Crash)
                    self.current = None
            process.tasks.clear()

    def end(self, processes: Sequence[Process]) -> None:
        """End all processes, whatever they do."""
        for process in processes:
            if not process.is_dead:
                self.kill(process)
        self._bury()
