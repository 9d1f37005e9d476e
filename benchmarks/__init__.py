"""Benchmarks: each prints ratios against named baselines, measured interleaved in one run."""
