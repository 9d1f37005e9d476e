"""Keeps the tables and the containers beside them in order, on a timer of its own."""
