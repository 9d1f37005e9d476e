"""Querying: reports in metrics and dimensions, and sandboxed SQL over a site's own rows."""
