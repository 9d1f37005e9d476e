"""An Event Hubs emulator with Capture: AMQP 1.0 on a real socket, for the unmodified SDKs."""
