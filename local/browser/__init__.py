"""A real browser, headless: what the demo, the tests and the benchmarks visit pages with."""
