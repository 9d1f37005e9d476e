"""A small Functions host for this app and its tests: what the real one does where it matters here."""
