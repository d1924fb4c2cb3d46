"""What is wrong with a scheme, said with file, line and rule."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One fault of a scheme file; `rule` is the rule id the faulty value names, if any."""

    file: Path
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        """Give the fault on one line, as editors and CI logs link it."""
        rule = f" [{self.rule}]" if self.rule else ""
        return f"{self.file}:{self.line}:{rule} {self.message}"


class SchemeError(Exception):
    """A scheme cannot be used; `findings` say where and why."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = tuple(findings)
