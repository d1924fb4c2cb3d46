"""All SQL of scoring: ledger, marks, evidence, sheets, scoreboards."""
