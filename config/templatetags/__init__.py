"""Tags of the project's templates."""
