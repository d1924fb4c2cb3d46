"""What can go wrong while the stack starts or runs, said for the person at the terminal."""

from pathlib import Path


class DevstackError(Exception):
    """A part of the stack failed; the text says which, why, and which log file to read."""

    def __init__(self, part: str, reason: str, log_file: Path | None = None) -> None:
        self.part = part
        self.reason = reason
        self.log_file = log_file
        super().__init__(f"{part}: {reason}" + (f"\n  log file: {log_file}" if log_file else ""))
