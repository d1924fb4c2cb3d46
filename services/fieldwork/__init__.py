"""What was done: activities, presence, verdicts, certificates, duty rosters.

Owns everything an officer enters and what others say about it. Publishes `fieldwork.*`.
Reads personnel's reference facts.
"""
