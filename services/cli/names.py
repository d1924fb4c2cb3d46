"""The services by name."""

SERVICES = {
    "personnel": "Who covers which village: divisions, organisations, officers, assignments.",
    "fieldwork": "What was done: activities from the phones, verification, presence.",
    "scoring": "What it is worth under the county's own scheme: sheets and scoreboards.",
    "intel": "What must reach the police station: reports, routing, feedback.",
}
"""Each service and what it owns, in the order they start."""
