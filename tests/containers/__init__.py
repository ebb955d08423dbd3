"""The containers that docker-compose.yml and config/kubernetes describe, read and run without either.

container.py   what both say of a container
compose.py     reads docker-compose.yml
kubernetes.py  reads config/kubernetes
places.py      runs a container's command as a process on the tests' servers
"""
