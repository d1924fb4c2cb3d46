"""What bad input gets: a stable code, a hint what to change, and nothing of itself back."""

import gzip
import itertools
import json
import tracemalloc
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
import pytest
from fastapi import APIRouter, Body, Depends
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from shared.security.dependencies import requires
from shared.web.body import MEBIBYTE, is_storable
from shared.web.pages import PageLimit
from tests.web.apps import client_of, problem_of, tiny_app, token_for
from tests.web.conftest import LogLines

CITIZEN_NUMBER = "11010519491231002X"


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Literal["visit", "patrol"] = "visit"
    points: Decimal = Decimal(1)
    at: AwareDatetime | None = None
    note: Annotated[str, Field(max_length=20)] = ""

    @field_validator("note")
    @classmethod
    def _no_shouting(cls, note: str) -> str:
        if note.endswith("!"):
            raise PydanticCustomError("shouting", "请去掉感叹号")
        if note.startswith("?"):
            raise ValueError(f"bad note {note}")
        return note


class Batch(BaseModel):
    items: Annotated[list[Item], Field(max_length=500)]


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    router = APIRouter(prefix="/v1", dependencies=[Depends(requires("tiny"))])

    @router.post("/batches")
    async def take(batch: Batch) -> int:
        return len(batch.items)

    @router.post("/raw")
    async def raw(anything: dict[str, Any]) -> int:
        return len(json.dumps(anything))

    @router.post("/files")
    async def file(content: Annotated[bytes, Body(media_type="text/csv")]) -> int:
        return len(content)

    @router.get("/batches")
    async def pages(limit: PageLimit = 100) -> int:
        return limit

    @router.get("/things/{name}")
    async def one(name: str) -> str:
        return name

    @router.get("/broken")
    async def broken() -> None:
        raise RuntimeError(f"a bug while working on {CITIZEN_NUMBER}")

    async with client_of(tiny_app(tmp_path, [router]), authorization=token_for(tmp_path, "tiny")) as client:
        yield client


async def test_a_good_batch_is_taken(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/batches", json={"items": [{}] * 500})
    assert (answer.status_code, answer.json()) == (200, 500)


@pytest.mark.parametrize("body", [b"{", b"[1,]", b"\xff\xfe{}", b"[" * 100_000])
async def test_malformed_json_is_400(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/v1/batches", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert problem_of(answer)["code"] == "malformed_json"


@pytest.mark.parametrize("sent_as", [None, "text/plain", "application/x-www-form-urlencoded"])
async def test_json_that_is_not_called_json_is_told_the_header(client: httpx.AsyncClient, sent_as: str | None) -> None:
    headers = {"content-type": sent_as} if sent_as else {}
    answer = await client.post("/v1/batches", content=b'{"items": []}', headers=headers)
    assert answer.status_code == 422
    problem = problem_of(answer)
    assert "Content-Type: application/json" in problem["detail"]
    assert problem["errors"] == [{"pointer": "header:Content-Type", "message": "应为 application/json"}]


async def test_501_items_are_refused_with_the_limit(client: httpx.AsyncClient) -> None:
    problem = problem_of(await client.post("/v1/batches", json={"items": [{}] * 501}))
    assert problem["code"] == "invalid_request"
    assert problem["errors"] == [{"pointer": "/items", "message": "项数太多,至多 500 项,请分批提交"}]


@pytest.mark.parametrize(
    ("item", "pointer", "message"),
    [
        ({"kind": CITIZEN_NUMBER}, "/items/0/kind", "只能是 visit、patrol 之一"),
        ({"points": CITIZEN_NUMBER}, "/items/0/points", '应为十进制数,写成文本,如 "1.5"'),
        ({"at": CITIZEN_NUMBER}, "/items/0/at", "应为带时区的时刻,如 2026-10-01T08:00:00+08:00"),
        ({"at": "2026-10-01T08:00:00"}, "/items/0/at", "时刻缺少时区,如 2026-10-01T08:00:00+08:00"),
        ({"note": CITIZEN_NUMBER * 2}, "/items/0/note", "文本太长,至多 20 个字符"),
        ({"note": CITIZEN_NUMBER + "!"}, "/items/0/note", "请去掉感叹号"),
        ({"note": "?" + CITIZEN_NUMBER}, "/items/0/note", "这一项不符合要求,请按接口文档修改"),
        ({"note": [CITIZEN_NUMBER]}, "/items/0/note", "应为文本"),
        ({"surname": "x"}, "/items/0/surname", "没有这个字段,请删去或改正名称"),
        ({CITIZEN_NUMBER: "x"}, "/items/0/*", "没有这个字段,请删去或改正名称"),
    ],
)
async def test_wrong_values_are_named_and_not_repeated(
    client: httpx.AsyncClient, item: dict[str, Any], pointer: str, message: str
) -> None:
    answer = await client.post("/v1/batches", json={"items": [item]})
    assert answer.status_code == 422
    assert problem_of(answer)["errors"] == [{"pointer": pointer, "message": message}]
    assert CITIZEN_NUMBER not in answer.text


async def test_a_wrong_query_parameter_is_named(client: httpx.AsyncClient) -> None:
    problem = problem_of(await client.get("/v1/batches", params={"limit": 501}))
    assert problem["errors"] == [{"pointer": "query:limit", "message": "应不大于 500"}]


async def test_at_most_a_hundred_errors_are_listed(client: httpx.AsyncClient) -> None:
    problem = problem_of(await client.post("/v1/batches", json={"items": [{"kind": "x"}] * 300}))
    assert problem["detail"].startswith("共 300 处")
    assert len(problem["errors"]) == 100


async def test_a_30_mb_body_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/batches", content=b" " * 30_000_000)
    assert answer.status_code == 413
    assert problem_of(answer)["code"] == "body_too_large"


async def test_a_large_body_without_a_length_is_refused(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b" " * 1_000_000

    assert problem_of(await client.post("/v1/batches", content=chunks()))["code"] == "body_too_large"


async def test_a_gzip_body_is_read(client: httpx.AsyncClient) -> None:
    body = gzip.compress(json.dumps({"items": [{}, {}]}).encode())
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    assert (await client.post("/v1/batches", content=body, headers=headers)).json() == 2


async def test_a_gzip_bomb_is_refused_before_it_is_unpacked(client: httpx.AsyncClient) -> None:
    bomb = gzip.compress(b" " * 100 * MEBIBYTE)
    assert len(bomb) < MEBIBYTE
    tracemalloc.start()
    problem = problem_of(await client.post("/v1/batches", content=bomb, headers={"content-encoding": "gzip"}))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50 * MEBIBYTE
    assert (problem["code"], problem["limit_bytes"]) == ("body_too_large", 20 * MEBIBYTE)


WHOLE = gzip.compress(b'{"items": []}', mtime=0)


@pytest.mark.parametrize("body", [b"", b"not gzip at all", WHOLE[:-3], WHOLE + b"more", WHOLE[:-8] + b"\0" * 8])
async def test_broken_gzip_is_400(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/v1/batches", content=body, headers={"content-encoding": "gzip"})
    assert problem_of(answer)["code"] == "malformed_encoding"


async def test_other_encodings_are_415(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/batches", content=b"x", headers={"content-encoding": "br"})
    assert answer.status_code == 415
    assert problem_of(answer)["code"] == "unsupported_encoding"


@pytest.mark.parametrize(
    "body",
    [
        rb'{"a": "\u0000"}',
        rb'{"a": "\\\u0000"}',
        rb'{"a": "\ud800"}',
        rb'{"a": "x\uDE00"}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\0"}',
        r'{"a": "\u0000"}'.encode("utf-16"),
        r'{"a": "\ud800"}'.encode("utf-16-le"),
        '{"a": "村"}'.encode("utf-32"),
    ],
)
async def test_text_postgresql_cannot_keep_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/v1/raw", content=body, headers={"content-type": "application/json"})
    assert problem_of(answer)["code"] == "unstorable_text"


@pytest.mark.parametrize("text", [r'{"a": "\\u0000"}', r'{"a": "\uD83d\ude00"}', r'{"a": "\u4e2d"}', '{"a": "한😀"}'])
async def test_text_that_only_looks_like_it_is_taken(client: httpx.AsyncClient, text: str) -> None:
    answer = await client.post("/v1/raw", content=text, headers={"content-type": "application/json"})
    assert answer.status_code == 200


def test_no_json_text_is_taken_for_another() -> None:
    pieces = (r"\ud83d", r"\ude00", r"\u0000", r"\\", r"\"", "ud83d", "u0000", "x")
    for length in range(1, 6):
        for chosen in itertools.product(pieces, repeat=length):
            body = f'"{"".join(chosen)}"'
            text = json.loads(body)
            whole = "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
            assert is_storable(body.encode()) is whole, body


async def test_half_a_pair_at_the_end_of_a_large_body_is_found(client: httpx.AsyncClient) -> None:
    body = b"[" + b"0," * (9 * MEBIBYTE) + rb'"\ud800"]'
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    problem = problem_of(await client.post("/v1/raw", content=gzip.compress(body), headers=headers))
    assert problem["code"] == "unstorable_text"


async def test_bad_characters_of_a_csv_file_are_left_to_who_reads_its_lines(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/files", content=b"a\0b\n", headers={"content-type": "text/csv; charset=utf-8"})
    assert answer.json() == 4


@pytest.mark.parametrize("address", ["/v1/batches?limit=%00", "/v1/things/%00"])
async def test_nul_in_an_address_is_refused(client: httpx.AsyncClient, address: str) -> None:
    assert problem_of(await client.get(address))["code"] == "unstorable_text"


async def test_unknown_addresses_and_methods_are_problems(client: httpx.AsyncClient) -> None:
    assert problem_of(await client.get("/v1/nothing"))["code"] == "not_found"
    answer = await client.delete("/v1/broken")
    assert problem_of(answer)["code"] == "method_not_allowed"
    assert answer.headers["allow"] == "GET"


async def test_an_unexpected_error_is_a_problem_and_logged_without_personal_data(
    client: httpx.AsyncClient, json_logs: LogLines
) -> None:
    answer = await client.get("/v1/broken")
    assert answer.status_code == 500
    assert problem_of(answer)["code"] == "internal"
    assert CITIZEN_NUMBER not in answer.text
    [line] = [line for line in json_logs() if line["event"] == "unexpected error"]
    assert "in broken" in line["exception"]
    assert line["request_id"] == answer.headers["x-request-id"]
    assert CITIZEN_NUMBER not in str(line)
