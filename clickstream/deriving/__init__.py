"""Brings the tables that are derived from `events` up to date: docs/identity.md."""
