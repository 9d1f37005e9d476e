"""The data: events, failed events, hourly counts, messages, and the columns of the tables."""
