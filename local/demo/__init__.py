"""The demo: send traffic through the whole pipeline, then print reports and the reconciliation."""
