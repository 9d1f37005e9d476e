"""From a tracker's request to canonical events: one module per dialect, one pipeline for all."""
