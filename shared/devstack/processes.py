"""A group of named processes that start together, are looked after, and stop together."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Self

from shared.devstack.child import Child
from shared.devstack.errors import DevstackError
from shared.devstack.interrupts import held_back
from shared.devstack.lifeline import Lifeline

_POLL_SECONDS = 0.05
_GRACE_SECONDS = 10.0
_FIRST_SECONDS = 5.0
_MOST_EARLY_DEATHS = 5
_LONGEST_PAUSE = 3.0
_SIGKILLED = -9
# A proxy in the environment is not for 127.0.0.1.
_local_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))

Notice = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A process of the group: `ready_url` answers 200 once it works; `restart` brings it back whenever it ends."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    ready_url: str | None = None
    restart: bool = False


@dataclass(slots=True)
class _Member:
    spec: ProcessSpec
    child: Child
    ended: bool = False
    start_again_at: float = 0.0
    early_deaths: int = 0
    was_ready: bool = False
    restarts: int = 0
    failure: DevstackError | None = field(default=None)


class ProcessGroup:
    """Starts processes, restarts those meant to be killed, and ends all of them with itself, `kill -9` included.

    Each is a session of its own, so a Ctrl-C at the terminal reaches only us. `notice(name, text)` hears of restarts,
    from a thread of ours.
    """

    def __init__(self, log_folder: Path, notice: Notice = lambda _name, _text: None) -> None:
        self._log_folder = log_folder
        self._notice = notice
        self._members: list[_Member] = []
        self._lifeline = Lifeline()
        self._stopping = Event()
        self._failed = Event()
        self._keeper: Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def start(self, *specs: ProcessSpec) -> None:
        """Start the processes in this order and look after them from now on."""
        for spec in specs:
            member = _Member(spec, self._child(spec.name, spec.command, spec.env))
            member.child.start()
            self._members.append(member)
        if self._keeper is None:
            self._keeper = Thread(target=self._look_after, name="process-group", daemon=True)
            self._keeper.start()

    def run(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> None:
        """Run a command to its end; DevstackError unless it ends with 0."""
        child = self._child(name, command, env)
        child.start()
        while (code := child.exit_code()) is None:
            if self._stopping.wait(_POLL_SECONDS):
                child.stop(_GRACE_SECONDS)
        if code != 0:
            raise child.failure(_ending(code))

    def wait_ready(self, timeout: float = 60.0, ready: Callable[[str], None] = lambda _name: None) -> None:
        """Return once every process answers; `ready` hears each name. DevstackError when one fails or time is up."""
        waiting = list(self._members)
        end = time.monotonic() + timeout
        while waiting:
            self.raise_failure()
            for member in [m for m in waiting if _answers(m)]:
                waiting.remove(member)
                member.was_ready = True
                ready(member.spec.name)
            if waiting and time.monotonic() > end:
                raise waiting[0].child.failure(f"not ready after {timeout:.0f} s")
            self._failed.wait(_POLL_SECONDS)

    def wait(self) -> None:
        """Stay until a process fails for good (DevstackError) or a signal ends us."""
        while not self._failed.wait(0.5):
            continue
        self.raise_failure()

    def raise_failure(self) -> None:
        """Raise what ended a process for good, if anything did."""
        for member in self._members:
            if member.failure:
                raise member.failure

    def pid_of(self, name: str) -> int | None:
        """The process number of `name`; None while it is down."""
        return next(m.child.pid for m in self._members if m.spec.name == name)

    def restarts_of(self, name: str) -> int:
        """How often `name` was started again."""
        return next(m.restarts for m in self._members if m.spec.name == name)

    def stop(self) -> None:
        """SIGTERM to all, last started first, SIGKILL to whoever is still there after ten seconds."""
        with held_back():
            self._stopping.set()
            if self._keeper:
                self._keeper.join()
            for member in reversed(self._members):
                member.child.ask_to_stop()
            end = time.monotonic() + _GRACE_SECONDS
            for member in reversed(self._members):
                member.child.stop(max(0.0, end - time.monotonic()))
            self._lifeline.close()

    def _child(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> Child:
        return Child(name, command, self._log_folder / f"{name.replace(' ', '-')}.log", self._lifeline, env)

    def _look_after(self) -> None:
        while not self._stopping.wait(_POLL_SECONDS):
            for member in tuple(self._members):
                if member.failure is None:
                    self._look_at(member)

    def _look_at(self, member: _Member) -> None:
        if member.ended:
            if time.monotonic() >= member.start_again_at:
                self._start_again(member)
        elif (code := member.child.exit_code()) is not None:
            self._bury(member, code)

    def _start_again(self, member: _Member) -> None:
        try:
            member.child.start()
        except OSError as error:  # no program, no room for its log: nobody would look after the others, either
            self._give_up(member, f"cannot be started again: {error}")
            return
        member.ended = False
        member.restarts += 1

    def _bury(self, member: _Member, code: int) -> None:
        early = member.child.age < _FIRST_SECONDS
        # Killed from outside is what workers are for; only deaths of its own doing show that it cannot live.
        member.early_deaths = member.early_deaths + (code != _SIGKILLED) if early else 0
        if not member.spec.restart:
            self._give_up(member, _ending(code))
        elif member.early_deaths >= _MOST_EARLY_DEATHS and not member.was_ready:
            self._give_up(member, f"{_ending(code)}, {member.early_deaths} times in its first seconds")
        else:
            member.ended = True
            member.start_again_at = time.monotonic() + min(0.1 * 2 ** min(member.early_deaths, 5), _LONGEST_PAUSE)
            self._notice(member.spec.name, self._obituary(member, code))

    def _obituary(self, member: _Member, code: int) -> str:
        """It worked before, so what it needs (a broker being restarted) may come back: never given up."""
        again = f"{_ending(code)}, starting it again"
        if member.early_deaths < _MOST_EARLY_DEATHS:
            return again
        return f"{again}; {member.early_deaths} deaths in its first seconds, see {member.child.log_file}"

    def _give_up(self, member: _Member, reason: str) -> None:
        member.failure = member.child.failure(reason)
        self._failed.set()


def _answers(member: _Member) -> bool:
    if member.child.pid is None:
        return False
    if member.spec.ready_url is None:
        return True
    try:
        with _local_http.open(member.spec.ready_url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _ending(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
