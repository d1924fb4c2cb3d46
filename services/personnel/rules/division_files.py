"""Reading the division CSV as published: five files, one per level, each row with the code of its parent."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from services.personnel.rules.divisions import DIGITS, Level, padded
from services.personnel.rules.names import is_clean
from shared.observability.redaction import holds_personal_number

FileKind = Literal["provinces", "cities", "areas", "streets", "villages"]
LONGEST_NAME = 200
GBK = "文件是 GBK(GB18030)编码,请另存为 UTF-8 后重新提交"
_MAGIC = {
    b"PK\x03\x04": " Excel 工作簿(XLSX)或 ZIP 压缩包",
    b"\xd0\xcf\x11\xe0": "旧版 Excel 工作簿(XLS)",
    b"\x1f\x8b": " gzip 压缩文件",
    b"%PDF": " PDF",
    b"\xff\xfe": " UTF-16 编码的文件",
    b"\xfe\xff": " UTF-16 编码的文件",
}
_MARKS = {";": ";", "\t": "制表符", "|": "|"}


@dataclass(frozen=True)
class Shape:
    """What the rows of one file are, and which column names their parent."""

    level: Level
    parent_column: str | None
    parent_digits: int


SHAPES: dict[FileKind, Shape] = {
    "provinces": Shape("province", None, 0),
    "cities": Shape("city", "provinceCode", 2),
    "areas": Shape("county", "cityCode", 4),
    "streets": Shape("township", "areaCode", 6),
    "villages": Shape("village", "streetCode", 9),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One division of a file; codes have 12 digits."""

    line: int
    code: str
    name: str
    parent: str | None

    @property
    def is_placeholder(self) -> bool:
        """The source repeats a county without published parts as its own township and village (350527000000)."""
        return self.code == self.parent


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a line."""

    line: int
    reason: str


def read_rows(lines: Iterable[str], kind: FileKind) -> Iterator[Row | Fault]:
    """Rows and faults in the order of the file; a byte order mark and any line ends are fine."""
    shape = SHAPES[kind]
    reader = csv.reader(_without_mark(lines), strict=True)
    try:
        header = next(reader, [])
        if missing := {"code", "name", shape.parent_column} - {None, *header}:
            listed = f"表头缺少列 {'、'.join(sorted(map(str, missing)))},请核对文件与 kind"
            yield Fault(1, another_kind_of_file(",".join(header)) or listed)
            return
        for values in reader:
            if values:
                yield _row(reader.line_num, header, values, shape)
    except csv.Error:
        yield Fault(reader.line_num, "引号不成对或格式损坏,从这一行起无法读取")


def another_kind_of_file(first: str) -> str | None:
    """What a file is whose first line is no header of ours, as far as that tells, and what to do."""
    raw = first.encode("utf-8", errors="surrogateescape")
    for magic, name in _MAGIC.items():
        if raw.startswith(magic):
            return f"这是{name},请另存为 UTF-8 编码、逗号分隔的 CSV 后重新提交"
    if raw.lstrip().startswith((b"{", b"[")):
        return "这是 JSON,请改为 UTF-8 编码、逗号分隔的 CSV"
    if raw.lstrip().startswith(b"<"):
        return "这是网页或 XML,请改为 UTF-8 编码、逗号分隔的 CSV"
    if looks_like_gbk(first):
        return GBK
    separator = next((mark for mark in ";\t|" if mark in first and "code" in first), None)
    return separator and f"列之间是“{_MARKS[separator]}”,请改用逗号分隔"


def looks_like_gbk(text: str) -> bool:
    """Whether bytes that are no UTF-8 would be Chinese in the older encoding."""
    raw = text.encode("utf-8", errors="surrogateescape")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return False
    try:
        raw.decode("gb18030")
    except UnicodeDecodeError:
        return False
    return True


def _without_mark(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield line.removeprefix("\ufeff") if number == 0 else line


def _row(line: int, header: list[str], values: list[str], shape: Shape) -> Row | Fault:
    if len(values) != len(header):
        return Fault(line, f"应有 {len(header)} 列,实有 {len(values)} 列")
    said = dict(zip(header, (value.strip() for value in values), strict=True))
    parent = said[shape.parent_column] if shape.parent_column else None
    if reason := _fault(said["code"], said["name"], parent, shape):
        return Fault(line, reason)
    return Row(line, padded(said["code"]), said["name"], None if parent is None else padded(parent))


def _fault(code: str, name: str, parent: str | None, shape: Shape) -> str | None:
    digits = DIGITS[shape.level]
    if not _is_code(code, digits) or code.startswith("00"):
        return f"code 应为 {digits} 位数字,且不以 00 开头"
    if looks_like_gbk(name):
        return GBK
    if not 0 < len(name) <= LONGEST_NAME or not is_clean(name):
        return f"name 应为 1 至 {LONGEST_NAME} 个字符,不含控制字符或无法识别的字符"
    if holds_personal_number(name):  # names are published
        return "name 中不能含身份证号或手机号"
    if parent is not None and not _is_code(parent, shape.parent_digits):
        return f"{shape.parent_column} 应为 {shape.parent_digits} 位数字"
    if parent is not None and not code.startswith(parent):
        return f"code 应以 {shape.parent_column} 开头"
    return None


def _is_code(text: str, digits: int) -> bool:
    return len(text) == digits and text.isascii() and text.isdecimal()
