"""Sites: one YAML document each, with the keys that may send and read, and the rules by which the site counts."""
