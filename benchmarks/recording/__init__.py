"""What it costs to record events."""
