"""What must reach the police station, and what became of it.

Owns reports, their escalation, station orders and deliveries, the stations' endpoints and answers.
Publishes `intel.report_*`. Reads personnel's reference facts and `fieldwork.activity`.
"""
