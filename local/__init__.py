"""The local stack: storage, Event Hubs and the Functions host on one machine. Never deployed."""
