"""Replaying: failed events are judged again by the rules now in force, and those that pass become events."""
