"""How many bytes of bodies a process holds, for whom."""

from collections import Counter

from shared.web.problems import TooManyBodies

# A process has some hundred megabytes, and a body that is parsed is several times its text. One body may be 20 MiB.
MOST_BYTES = 64 * 1024 * 1024
# So that those who fill theirs leave room for everybody else's.
MOST_OF_ONE = MOST_BYTES // 2


class Held:
    """The bodies of one process, by whose they are."""

    def __init__(self) -> None:
        self._bytes: Counter[str] = Counter()

    def take(self, holder: str, size: int) -> None:
        """Count some more bytes; 503 when they do not fit."""
        if self._bytes.total() + size > MOST_BYTES or self._bytes[holder] + size > MOST_OF_ONE:
            raise TooManyBodies("同时处理的内容过多,没有保存任何内容,请稍后原样重发")
        self._bytes[holder] += size

    def give_back(self, holder: str, size: int) -> None:
        """Some bytes are no longer held."""
        self._bytes[holder] -= size
        if not self._bytes[holder]:
            del self._bytes[holder]


class Holding:
    """What one request holds; everything is given back when the block is left."""

    def __init__(self, held: Held, holder: str) -> None:
        self._held, self._holder = held, holder
        self._size = 0

    def add(self, size: int) -> None:
        """Hold some more bytes; 503 when there is no room."""
        self._held.take(self._holder, size)
        self._size += size

    def __enter__(self) -> "Holding":
        return self

    def __exit__(self, *_: object) -> None:
        self._held.give_back(self._holder, self._size)
