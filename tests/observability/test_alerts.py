"""Every alert is about a metric we have, and the runbook says what to do."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import REGISTRY
from ruamel.yaml import YAML

from shared.observability import metrics

ROOT = Path(__file__).parents[2]
ALERTS = [
    rule
    for group in YAML(typ="safe").load(ROOT / "deploy" / "prometheus" / "alerts.yml")["groups"]
    for rule in group["rules"]
]


def test_alerts_read_metrics_that_exist() -> None:
    assert metrics.HELD_STREAMS
    known = {family.name + ("_total" if family.type == "counter" else "") for family in REGISTRY.collect()}
    for alert in ALERTS:
        assert set(re.findall(r"cunjing_\w+", alert["expr"])) <= known, alert["alert"]


def test_the_runbook_has_a_line_for_each_alert() -> None:
    lines = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8").splitlines()
    told = [cells[0] for line in lines if len(cells := re.findall(r"`(Cunjing\w+)`", line)) == 1]
    assert sorted(told) == sorted(alert["alert"] for alert in ALERTS)
