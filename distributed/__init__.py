"""Hands work to a distributed engine through Spark Connect: a backlog too big for one instance, and reports.

Never deployed with the functions. See docs/distributed.md.
"""
