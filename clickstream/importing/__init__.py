"""Importing: turns rows of somebody's files into events, judged as collected ones."""
