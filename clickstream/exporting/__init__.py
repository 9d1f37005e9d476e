"""Exporting: writes rows of the tables to files of somebody's blob container."""
