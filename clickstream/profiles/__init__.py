"""What is known about each person, from events: docs/profiles.md."""
