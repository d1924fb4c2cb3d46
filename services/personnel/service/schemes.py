"""A binding names a scheme that is here, with posts that it has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from services.personnel.errors import UnknownPost, UnknownScheme
from services.personnel.schemas.items import BindingItem
from services.personnel.scheme import PersonnelScheme
from shared.schemes import SchemeError, load_scheme, scheme_ids
from shared.web.problems import Problem


class Schemes:
    """The schemes of this installation, each read when a binding names it."""

    def __init__(self, override_dir: Path | None) -> None:
        self._override_dir = override_dir

    def refusal(self, binding: BindingItem) -> Problem | None:
        """What is wrong with what it names."""
        known = scheme_ids(self._override_dir)
        if binding.scheme not in known:
            return UnknownScheme(f"可用的方案:{'、'.join(known)}", schemes=known)
        posts = self._posts(binding.scheme)
        if posts is None:
            return UnknownScheme("该方案的文件有错误,请运维人员运行 cunjing schemes check")
        if not set(binding.posts) <= posts.keys():
            listed = "、".join(f"{post}({label})" for post, label in posts.items())
            return UnknownPost(f"该方案的岗位:{listed}", posts=list(posts))
        return None

    def _posts(self, scheme: str) -> Mapping[str, str] | None:
        try:
            found = load_scheme(scheme, "personnel", PersonnelScheme, self._override_dir).value
        except SchemeError:
            return None
        return {name: post.label for name, post in found.posts.items()}
