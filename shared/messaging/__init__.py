"""The way a fact goes: outbox, relay, Kafka, consumer with cursors, dead letters."""
