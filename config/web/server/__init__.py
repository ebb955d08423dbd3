"""Run granian, the web server: `python -m config.web.server`.

workers.py       replace workers without losing a request
listening.py     the socket, which may outlive the server
keeper.py        keep it open while the server is restarted
log.py           the log of the main process
restart.py       ask a running server to do so
static_files.py  answer static files before Django
shared_figures.py  let the workers share what they count
protocols.py     answer what is no HTTP request
"""
