from pathlib import Path

import pytest

from shared.security.dev_issuer import DevKeys, ensure_dev_keys


@pytest.fixture
def dev_keys(tmp_path: Path) -> DevKeys:
    return ensure_dev_keys(tmp_path)
