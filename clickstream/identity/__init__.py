"""Which person an id belongs to, and when: docs/identity.md."""
