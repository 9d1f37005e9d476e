"""Delivery: makes messages durable, or raises Unavailable."""
