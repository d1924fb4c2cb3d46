"""Scoring: what the work was worth. Owns ledger, sheets and scoreboards of every scheme.

Publishes `scoring.sheet_updated`. Reads the facts of fieldwork, intel and personnel listed for it in the registry.
"""
