"""The jars of the Kafka broker, from Maven Central into the user's cache."""

import os
from pathlib import Path

import jgo

from shared.devstack.errors import DevstackError

_BROKER = "org.apache.kafka:kafka_2.13:4.0.0+org.slf4j:slf4j-simple:1.7.36"


def class_path() -> str:
    """The Java class path of the broker; the first call on a machine downloads about 40 MB, later ones take 0.3 s."""
    jars = _jars(update=False)
    if not all(jar.exists() for jar in jars):  # a cache somebody cleaned by half
        jars = _jars(update=True)
    return os.pathsep.join(map(str, jars))


def _jars(*, update: bool) -> list[Path]:
    try:
        folder = Path(jgo.build(_BROKER, update=update).path)
    except Exception as error:  # jgo lets through whatever its HTTP client, parser and resolver raise
        raise DevstackError("kafka jars", f"cannot get them from Maven Central ({error})") from error
    return sorted(folder.glob("jars/*.jar")) + sorted(folder.glob("modules/*.jar"))
