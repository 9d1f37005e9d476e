"""A small Azure Functions host for this app and its tests. README.md lists what it does as the real one."""
