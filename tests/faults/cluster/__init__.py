"""The driver's installation on a cluster of Valkey whose network can be cut: `python -m tests.faults.cluster`."""
