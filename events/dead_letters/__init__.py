"""Dead letters: events that a group can't handle are parked here until somebody retries, edits or discards them."""
