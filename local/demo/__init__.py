"""The demo: real traffic through the whole chain, then the reports and the reconciliation."""
