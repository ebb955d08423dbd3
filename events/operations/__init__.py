"""The work of the operators' commands: status, traces, diagnosis, resets, verification, compaction, control."""
