"""Delivery: messages become durable, or the caller is told that they did not."""
