"""Consumer groups in the database: their member processes, who owns which partition, and their checkpoints."""
