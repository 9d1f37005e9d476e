"""The local stack: everything the cloud would supply, on one machine. Never deployed."""
