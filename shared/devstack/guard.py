"""The guard process of a `Lifeline`, run as a plain script: kills process groups once its standard input ends."""

import os
import signal
import sys


def main() -> None:
    """Read `+pid` and `-pid` lines; at the end of input nobody is left to stop the groups still listed."""
    watched: set[int] = set()
    for line in sys.stdin:
        (watched.add if line[0] == "+" else watched.discard)(int(line[1:]))
    for pid in watched:
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    main()
