"""Measure what happens on an event's way, without a library: the project connects the instruments to its own.

instruments.py   counters, gauges and histograms that pass on what they are told, if somebody observes them
catalogue.py     those of the events
"""
