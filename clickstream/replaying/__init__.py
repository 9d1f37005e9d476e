"""Replaying: processes failed events again by the rules now in force; those that pass become events."""
