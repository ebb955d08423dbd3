"""Run granian, the web server: `python -m config.web.server`.

workers.py       replace workers without losing a request
restart.py       ask a running server to do so
static_files.py  answer static files before Django
protocols.py     answer what is no HTTP request
"""
