"""What a person does with one ticket: each change asks first, in the admin as on the ticket's page.

changes.py  the changes: who may make them, of which tickets, by which form
attempt.py  one attempt: carried out, or what stands against it
forms.py    the forms
doubts.py   what should be confirmed first
history.py  what has happened to a ticket, and what others did since a person looked at it
"""
