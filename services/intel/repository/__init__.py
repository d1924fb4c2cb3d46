"""All SQL of intel."""
