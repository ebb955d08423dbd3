"""Run what docker-compose.yml and config/kubernetes run."""
