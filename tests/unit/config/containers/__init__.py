"""Test what docker-compose.yml, the Dockerfile and config/kubernetes say."""
