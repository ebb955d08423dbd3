"""Consumer groups in the database: their members, the partitions these own, and their checkpoints."""
