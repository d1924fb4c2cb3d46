"""Pure decisions of intel: whether a report becomes an order, how an order moves on, whether a call is genuine."""
