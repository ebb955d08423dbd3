"""Dead letters: events that a group can't handle, parked until an operator retries, edits or discards them."""
