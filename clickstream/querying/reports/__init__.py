"""Canned reports: each is defined once and runs on the query engine."""
