"""What the county published for 2018 (T-1), and a month of it. Figures of the demonstration's own say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Rate:
    """One published yearly figure and the activities that stand for it; `fixed` are details all of them share."""

    label: str
    kind: str
    unit: str
    per_year: int
    fixed: Mapping[str, Any]
    published: bool = True

    def in_month(self, scale: float) -> int:
        """How many a month has, at a share of the county's work."""
        return round(self.per_year / 12 * scale)


RATES = (
    Rate("走访", "household_visit", "household", 362_016, {}),
    Rate("化解矛盾纠纷", "dispute", "item", 2_416, {}),
    Rate("治安隐患", "hazard", "item", 1_835, {"category": "public_order"}),
    Rate("消防隐患整改", "hazard", "item", 586, {"category": "fire", "state": "rectified"}),
    Rate("交通隐患整改", "hazard", "item", 432, {"category": "traffic", "state": "rectified"}),
    Rate("消防宣传", "publicity", "time", 892, {"topics": ["four_prevention", "fire"]}),
    Rate("交通讲座", "publicity", "time", 120, {"topics": ["traffic", "law"], "form": "lecture"}),
    Rate("检查场所、特业、重点单位", "site_check", "item", 3_300, {}),
    Rate("检查消防重点单位", "site_check", "item", 1_384, {"object": "fire_facility"}),
    Rate("走访孤寡老人、特困户", "assistance", "time", 2_320, {"target_eligible": True}),
    Rate("户籍问题", "household_business", "item", 16_465, {"in_person_required": False}),
    # No figure was published for patrols; without any nobody could see how S-104 is judged.
    Rate("巡逻", "patrol", "time", 12_000, {}, published=False),
)
