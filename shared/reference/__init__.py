"""What personnel says about who is where, as read models: the same tables, handlers and questions in every reader."""
