"""Django's PostgreSQL backend with a pool of this project's: ENGINE = "config.postgresql"."""
