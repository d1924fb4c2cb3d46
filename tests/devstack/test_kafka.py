import json
from pathlib import Path

import pytest

from shared.devstack.errors import DevstackError
from shared.devstack.kafka import KafkaBroker
from shared.devstack.ports import accepts_connections, is_free
from tests.devstack.test_processes import family
from tests.devstack.waiting import alive, eventually


def cluster_in(folder: Path) -> str:
    lines = (folder / "data" / "meta.properties").read_text().splitlines()
    return next(line for line in lines if line.startswith("cluster.id="))


def test_a_broker_dies_with_a_parent_that_is_killed_and_comes_back_on_its_port_with_its_data(tmp_path: Path) -> None:
    parent, pids = family(tmp_path, "kafka")
    port, cluster = json.loads((tmp_path / "ports.json").read_text())["port"], cluster_in(tmp_path)
    parent.kill()
    parent.wait()
    eventually(lambda: not any(map(alive, pids)) and is_free(port))

    again = KafkaBroker(tmp_path)
    again.start()
    try:
        assert (again.port, cluster_in(tmp_path)) == (port, cluster)
        assert accepts_connections(port)
    finally:
        again.kill()
    assert is_free(port)


def test_a_port_that_is_taken_is_named_with_who_has_it(kafka: KafkaBroker, tmp_path: Path) -> None:
    with pytest.raises(DevstackError, match=rf"port {kafka.port} is taken by process \d+ \(java\)"):
        KafkaBroker(tmp_path, kafka.port).start()
