"""Personal data at rest."""

import base64
import json
import os
from pathlib import Path

import pytest

from shared.security.citizen import is_citizen_number, mask_citizen_number, mask_phone, normal_citizen_number
from shared.security.dev_issuer import ensure_dev_keys
from shared.security.vault import KeyFile, SealBroken, Vault
from shared.settings import SettingsError

NUMBER = "11010519491231002X"
FULL_WIDTH = "１１０１０５１９４９１２３１００２Ｘ"


def key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault.load(ensure_dev_keys(tmp_path).encryption_keys_path)


def test_what_was_sealed_can_be_opened(vault: Vault) -> None:
    assert vault.open(vault.seal("张三 " + NUMBER)) == "张三 " + NUMBER
    assert vault.open(vault.seal("")) == ""


def test_a_sealed_value_names_its_key_and_algorithm_and_shows_nothing(vault: Vault) -> None:
    sealed = vault.seal(NUMBER)
    assert sealed.startswith(b"\x01\x01\x02k1")
    assert NUMBER.encode() not in sealed
    assert sealed != vault.seal(NUMBER)


def test_any_changed_or_missing_byte_is_noticed(vault: Vault) -> None:
    sealed = vault.seal(NUMBER)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(SealBroken):
            vault.open(bytes(changed))
        with pytest.raises(SealBroken):
            vault.open(sealed[:position])


def test_old_values_open_after_a_change_of_key_and_are_still_found() -> None:
    first, second = key(), key()
    old = Vault(KeyFile(current="k1", keys={"k1": first}))
    new = Vault(KeyFile(current="k2", keys={"k1": first, "k2": second}, index="k1"))
    assert new.open(old.seal(NUMBER)) == NUMBER
    assert new.blind_index(NUMBER, "citizen_number") == old.blind_index(NUMBER, "citizen_number")
    with pytest.raises(SealBroken, match="CUNJING_ENCRYPTION_KEYS"):
        old.open(new.seal(NUMBER))


def test_the_blind_index_depends_on_text_context_and_key(vault: Vault) -> None:
    index = vault.blind_index(NUMBER, "citizen_number")
    assert len(index) == 32
    assert index == vault.blind_index(NUMBER, "citizen_number")
    other = Vault(KeyFile(current="k1", keys={"k1": key()}))
    assert index not in (
        vault.blind_index(NUMBER, "badge"),
        vault.blind_index(NUMBER[:-1] + "0", "citizen_number"),
        other.blind_index(NUMBER, "citizen_number"),
    )


@pytest.mark.parametrize(
    "content",
    [
        {"current": "k2", "keys": {"k1": key()}},
        {"current": "k1", "keys": {"k1": "c2hvcnQ="}},
        {"current": "k1", "keys": {"k1": "not base64!"}},
        {"current": "k1", "keys": {"k1": key(), "k2": key()}},
        {"keys": {}},
    ],
)
def test_a_bad_key_file_is_refused_without_showing_a_key(tmp_path: Path, content: dict[str, object]) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(content))
    with pytest.raises(SettingsError, match="CUNJING_ENCRYPTION_KEYS") as refused:
        Vault.load(path)
    keys = content["keys"]
    assert isinstance(keys, dict)
    assert not any(value in str(refused.value) for value in keys.values())


def test_a_missing_key_file_names_the_variable(tmp_path: Path) -> None:
    for path in (None, tmp_path / "nothing.json"):
        with pytest.raises(SettingsError, match="CUNJING_ENCRYPTION_KEYS"):
            Vault.load(path)


@pytest.mark.parametrize("number", [NUMBER, NUMBER.lower()])
def test_citizen_numbers(number: str) -> None:
    assert is_citizen_number(number)


@pytest.mark.parametrize(
    "number",
    [
        "110105194912310021",
        "440524188001010014",  # born in 1880
        "11010519491331002X",
        "1101051949123100",
        "",
        "X" * 18,
        FULL_WIDTH,
    ],
)
def test_what_is_no_citizen_number(number: str) -> None:
    assert not is_citizen_number(number)
    with pytest.raises(ValueError, match=r"^not a citizen number$"):
        normal_citizen_number(number)


def test_one_way_to_write_a_number_and_one_to_hide_it() -> None:
    assert normal_citizen_number(" 11010519491231002x ") == NUMBER
    assert mask_citizen_number(NUMBER) == "110***********002X"
    assert mask_citizen_number("12345") == "*****"
    assert mask_phone("13800138000") == "138****8000"
    assert mask_phone("0394-12345") == "**********"
