"""The core of the collector: events in, one open table out. Knows no Azure Functions."""
