"""A stand-in for SQL Server: enough of its wire protocol and its T-SQL for imports of tables. Never deployed."""
