"""Change many tickets in the background, each in a transaction of its own, none twice and none forgotten.

In:   a job with its tickets, from the REST interface or the admin; starting.py enqueues its first task.
Out:  changed tickets, and refusals that say why; running.py works off a slice of a job and enqueues the next one.
      worker.py runs the tasks, and takes up jobs whose worker was killed.
Next: tickets/models/ticket.py
"""
