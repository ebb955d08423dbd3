"""Forget a person everywhere, and prove it. See docs/adr/0019.

find.py      person_meant(text) -> Person; extent(person): how much there is, and the names
run.py       forget(person, stream, names=..., on_step=...) -> Outcome; safe to repeat
search.py    prove(person, stream): each place with what was found; clean if nothing was
leftovers.py leftovers(stream): what is left in backups and files, until when
again.py     forget_again(stream): after a restore
report.py    report(person, stream): all that is stored

The commands forget_person and person_report call these in this order; so may a page.
"""
