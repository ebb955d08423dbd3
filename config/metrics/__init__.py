"""Serve the figures that Prometheus asks for: at /metrics, and on ports of the relay, the consumers and the workers.

families.py      what is read from the servers when Prometheus asks
collector.py     reads it
observing.py     keeps what the instruments of the apps tell (events/measuring)
shared.py        sums it over the workers of the web server
views.py         answers /metrics
serving.py       answers on a port of a process's own
table.py         all of them, for the documentation
"""
