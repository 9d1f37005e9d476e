"""Headless Chromium for the demo, the tests and the benchmarks."""
