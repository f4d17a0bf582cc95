"""What loggers write, as Logs: `logs.read_logs`, and the forms that files come in."""
