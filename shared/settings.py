"""Settings of one service process, read from the environment only."""

from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict


class SettingsError(ValueError):
    """The environment is incomplete or wrong; the text names each variable and never a value."""


AN_EXAMPLE = "has the example password, which everybody knows: give it another in deploy/.env"


def has_example_secret(url: str) -> bool:
    """Whether the password of a database address is one of `deploy/env.example`."""
    return (urlsplit(url).password or "").startswith("changeme")


class ServiceSettings(BaseSettings):
    """What every service needs. Build it with `of`; a service with more settings subclasses it."""

    model_config = SettingsConfigDict(env_prefix="CUNJING_", populate_by_name=True, extra="ignore", frozen=True)

    service: str
    database_url: str = Field(repr=False)
    host: str = "127.0.0.1"
    port: int = 8000
    worker_port: int = 8001

    kafka_bootstrap_servers: str = Field(validation_alias="KAFKA_BOOTSTRAP_SERVERS")
    jwt_issuer: str = Field(validation_alias="CUNJING_JWT_ISSUER")
    jwt_audience: str = Field(validation_alias="CUNJING_JWT_AUDIENCE")
    jwks: str = Field(validation_alias="CUNJING_JWKS")
    encryption_keys: Path | None = Field(default=None, validation_alias="CUNJING_ENCRYPTION_KEYS")
    schemes_dir: Path | None = Field(default=None, validation_alias="CUNJING_SCHEMES_DIR")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", validation_alias="CUNJING_LOG_LEVEL"
    )

    @field_validator("database_url")
    @classmethod
    def _not_the_example(cls, url: str) -> str:
        if has_example_secret(url):
            raise PydanticCustomError("example_secret", AN_EXAMPLE)
        return url

    @classmethod
    def of(cls, service: str, **given: Any) -> Self:
        """The settings of `service` (`CUNJING_SCORING_…` and the common names); `given` wins over the environment."""
        prefix = f"CUNJING_{service.upper()}_"
        try:
            return cls(_env_prefix=prefix, service=service, **given)
        except ValidationError as error:
            raise SettingsError(_explain(error, prefix)) from None


def _explain(error: ValidationError, prefix: str) -> str:
    problems = []
    for problem in error.errors(include_input=False, include_url=False):
        name = str(problem["loc"][0]) if problem["loc"] else "settings"
        variable = name if name.isupper() else f"{prefix}{name.upper()}"
        problems.append(f"{variable}: {'is not set' if problem['type'] == 'missing' else problem['msg']}")
    return "the environment is incomplete: " + "; ".join(problems)
