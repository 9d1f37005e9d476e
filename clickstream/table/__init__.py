"""The Delta tables: opens, reads, appends, rewrites and maintains them."""
