"""Change or import many tickets in the background, none twice and none forgotten.

In:   a job with its tickets or its file, from the REST interface or the admin; starting.py enqueues its first task.
Out:  changed tickets, and refusals that say why.
Next: tickets/models/ticket.py

worker.py    run the tasks, and take up jobs whose worker was killed
running.py   give a task its turn at a job; turn.py has what all turns do, ticket_turn.py and file_turn.py the kinds
"""
