"""What a failure of the database means for the caller: run it again, come back later, or mend the request."""

import structlog
from sqlalchemy.exc import DBAPIError

from shared.database.errors import is_transient, sqlstate
from shared.messaging.outbox import FactTooLarge
from shared.observability.exceptions import chain
from shared.web.problems import ContentTooLarge, InvalidRequest, Problem, Unavailable

_log = structlog.get_logger(__name__)

# A session that was idle too long inside or outside a transaction, a server that is still starting.
_NOTHING_KEPT = frozenset({"25P03", "57P03", "57P05"})
# The server was shut down, or the session ended by an administrator: perhaps after it had committed.
_ENDED = frozenset({"57P01", "57P02"})


def problem_of(error: BaseException) -> Problem | None:
    """The problem to answer with, or None where the failure is nobody's fault but ours."""
    state = sqlstate(error) or ""
    if is_transient(error) or state in _NOTHING_KEPT:
        return unavailable()
    if state in _ENDED or state.startswith("08") or _connection_lost(error):
        return Unavailable("连接中断,本次请求是否已保存尚不确定:请用相同的编号原样重发,不会重复保存")
    if state.startswith("22"):
        # Validation let a value through that the column cannot hold: refuse it, and tell us.
        _log.error("a value passed validation that the database refused", exc_info=error)
        return InvalidRequest("内容中有无法保存的值(过大、过长或含无效字符),请修改后重发")
    if isinstance(error, FactTooLarge):
        return ContentTooLarge("这一项内容超过 256 KiB,请缩短或拆分后重发")
    return None


def unavailable() -> Unavailable:
    """For a request of which nothing was kept."""
    return Unavailable("请求没有保存任何内容,请稍后原样重发")


def _connection_lost(error: BaseException) -> bool:
    return any(isinstance(link, DBAPIError) and link.connection_invalidated for link in chain(error))
