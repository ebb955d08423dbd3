"""Compare documents with the log, and repair what differs: all the time (audit), or at once (verify_readmodel)."""
