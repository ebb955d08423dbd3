"""Real servers on this machine, for whatever no environment variable names a server for; see running.py."""
