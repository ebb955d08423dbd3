"""Environment variables: read them, describe them, and refuse to start with wrong ones.

values.py        what texts stand for: numbers, switches, levels
variables.py     declare and read a variable, and note what is wrong
sections.py      do so for one part of the documentation
files.py         files with secrets, and the file `env` of the data folder
database_url.py  turn the URL of the database into Django's settings
spelling.py      find variables that look like ours
refusal.py       end the process with a sentence for everything that is wrong
table.py         docs/reference/settings.md
"""
