"""Settings come from the environment, and what is missing is named."""

import pytest

from shared.settings import ServiceSettings, SettingsError

ENVIRONMENT = {
    "CUNJING_SCORING_DATABASE_URL": "postgresql+asyncpg://scoring:secret@host/scoring",
    "CUNJING_SCORING_PORT": "8103",
    "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
    "CUNJING_JWT_ISSUER": "issuer",
    "CUNJING_JWT_AUDIENCE": "cunjing",
    "CUNJING_JWKS": "https://idp/keys",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    # A container sets such names; they are not ours.
    monkeypatch.setenv("HOST", "somewhere")
    monkeypatch.setenv("PORT", "1")


def test_a_service_reads_its_own_names_and_the_common_ones() -> None:
    settings = ServiceSettings.of("scoring")
    assert (settings.service, settings.port, settings.host) == ("scoring", 8103, "127.0.0.1")
    assert (settings.kafka_bootstrap_servers, settings.jwks) == ("kafka:9092", "https://idp/keys")
    assert settings.encryption_keys is None


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(ServiceSettings.of("scoring"))


def test_what_is_missing_or_wrong_is_named_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS")
    monkeypatch.setenv("CUNJING_INTEL_PORT", "ninety")
    with pytest.raises(SettingsError) as refused:
        ServiceSettings.of("intel")
    message = str(refused.value)
    assert "CUNJING_INTEL_DATABASE_URL: is not set" in message
    assert "KAFKA_BOOTSTRAP_SERVERS: is not set" in message
    assert "CUNJING_INTEL_PORT" in message
    assert "ninety" not in message


def test_an_example_password_is_refused_by_the_name_of_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUNJING_SCORING_DATABASE_URL", "postgresql+asyncpg://scoring:changeme3@host/scoring")
    with pytest.raises(SettingsError, match="CUNJING_SCORING_DATABASE_URL: has the example password"):
        ServiceSettings.of("scoring")
