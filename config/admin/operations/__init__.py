"""The operations page of the admin: how far everything is, and buttons for what operators do.

figures.py  what the page shows, also as JSON for its chart
buttons.py  what operators do, each with its permission and a page that asks
views.py    the pages
"""
