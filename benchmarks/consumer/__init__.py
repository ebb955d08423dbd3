"""Reading the stream and handling events."""
