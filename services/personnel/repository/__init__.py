"""All SQL of personnel."""
