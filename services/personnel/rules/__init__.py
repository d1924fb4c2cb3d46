"""Pure decisions of personnel."""
