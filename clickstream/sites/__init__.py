"""Sites: one YAML document each, which says who may send and read, and how the site counts."""
