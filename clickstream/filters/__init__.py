"""Filters of queries and of sites' documents: the dimensions that they name, their tree, and its reader."""
