"""What Prometheus reads. Labels are bounded: route templates and topics, never ids."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("cunjing_http_requests_total", "HTTP requests answered.", ["service", "method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "cunjing_http_request_seconds",
    "Time from the first byte of a request to the end of its answer.",
    ["service", "method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
REQUESTS_REPEATED = Counter("cunjing_http_requests_repeated_total", "Requests run again after a deadlock.", ["service"])
REQUESTS_WAITING = Gauge("cunjing_http_requests_waiting", "Requests that wait for their turn.", ["service"])
REQUESTS_OVER_SHARE = Counter(
    "cunjing_http_requests_over_share_total", "Requests answered 429: their share was used up.", ["service"]
)

OUTBOX_DEPTH = Gauge("cunjing_outbox_depth", "Facts written and not yet acknowledged by the broker.", ["service"])
OUTBOX_AGE_SECONDS = Gauge("cunjing_outbox_age_seconds", "Age of the oldest unpublished fact.", ["service"])
FACTS_PUBLISHED = Counter("cunjing_facts_published_total", "Facts acknowledged by the broker.", ["service", "topic"])

LAG_RECORDS = Gauge("cunjing_lag_records", "Records not yet consumed.", ["service", "topic"])
LAG_SECONDS = Gauge(
    "cunjing_lag_seconds",
    "Time for which an end of the topic has been known and not reached; 0 once all is consumed.",
    ["service", "topic"],
)
FACTS_APPLIED = Counter("cunjing_facts_applied_total", "Facts whose effect is committed.", ["service", "topic"])
FACTS_DUPLICATE = Counter("cunjing_facts_duplicate_total", "Facts seen before and dropped.", ["service", "topic"])
FACTS_SKIPPED = Counter(
    "cunjing_facts_skipped_total", "Facts of types this reader does not list.", ["service", "topic"]
)
DEAD_LETTERS = Counter("cunjing_dead_letters_total", "Facts put aside as unreadable or refused.", ["service", "topic"])
DEAD_LETTERS_KEPT = Gauge("cunjing_dead_letters_kept", "Dead letters nobody has mended yet.", ["service", "topic"])
HELD_STREAMS = Gauge("cunjing_held_streams", "Streams that stand still.", ["service", "topic"])
HELD_FACTS = Gauge("cunjing_held_facts", "Facts waiting behind a dead letter or a gap.", ["service", "topic"])

AUDIT_UNSEALED_SECONDS = Gauge(
    "cunjing_audit_unsealed_seconds", "Age of the oldest audit row that is not chained yet; 0 without one.", ["service"]
)

TICKS_FAILED = Counter(
    "cunjing_ticks_failed_total",
    "Ticks that failed and are tried again while the worker goes on.",
    ["service", "ticker"],
)
SHEETS_FAILED = Gauge("cunjing_sheets_failed", "Sheets that could not be computed and are tried again.", ["service"])
LATE_ITEMS = Counter("cunjing_late_items_total", "Items kept that were entered on a later day than they happened.")
REPORTS_NOT_ROUTED = Counter(
    "cunjing_reports_not_routed_total", "Tries to route a report that failed; it is tried again.", ["service"]
)
SCHEME_BROKEN = Gauge("cunjing_scheme_broken", "1 while a scheme's files have faults.", ["service", "scheme"])
SCHEMES_DIFFER = Gauge(
    "cunjing_schemes_differ", "1 while another worker, started later, uses other scheme files.", ["service"]
)

DELIVERIES_WAITING = Gauge("cunjing_deliveries_waiting", "Deliveries to stations that will be sent by themselves.")
DELIVERIES_PAUSED = Gauge("cunjing_deliveries_paused", "Deliveries whose station's endpoint is paused or not set.")
DELIVERIES_DEAD = Gauge("cunjing_deliveries_dead", "Deliveries given up until a person sends them again.")
DELIVERY_OLDEST_SECONDS = Gauge("cunjing_delivery_oldest_seconds", "Age of the oldest that waits or is paused.")
ORDERS_RESTING = Gauge("cunjing_orders_resting", "Orders that need a person of the unit that sent them.", ["rests"])
ORDER_RESTS_SECONDS = Gauge("cunjing_order_rests_seconds", "For how long the oldest of them rests.", ["rests"])
ORDERS_UNACKNOWLEDGED = Gauge(
    "cunjing_orders_unacknowledged", "Orders delivered of which the station has said nothing."
)
ORDER_UNACKNOWLEDGED_SECONDS = Gauge(
    "cunjing_order_unacknowledged_seconds", "Time since the oldest of them was delivered."
)
