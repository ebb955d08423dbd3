"""Compare documents with the log, and repair differences: continuously (audit), or on demand (verify_readmodel)."""
