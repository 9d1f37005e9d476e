"""Audiences: which people meet the conditions of a site's document at a moment, and when that can change."""
