"""What operators do and look at: status, traces, diagnosis, resets, verification. The commands only parse and print."""
