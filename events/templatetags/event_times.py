"""The filter that writes a time in the admin's templates of the events."""

from django import template

from events.texts.times import in_words

register = template.Library()
register.filter("in_words", in_words)
