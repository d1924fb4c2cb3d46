"""How large the head of a request may be."""

from starlette.types import Scope

from shared.web.problems import HeadTooLarge

# Gateways add a dozen headers, and a token with many scopes is 4 KiB; theirs stop at 32 KiB too.
MOST_HEADERS = 100
MOST_BYTES = 32 * 1024


def refuse_large_head(scope: Scope) -> None:
    """431 for more headers, or more bytes of them and the address, than an honest client sends."""
    headers = scope["headers"]
    size = len(scope["path"]) + len(scope["query_string"]) + sum(len(name) + len(value) for name, value in headers)
    if len(headers) > MOST_HEADERS or size > MOST_BYTES:
        raise HeadTooLarge(f"地址和请求头合计至多 {MOST_BYTES // 1024} KiB,请求头至多 {MOST_HEADERS} 个,请减少后重发")
