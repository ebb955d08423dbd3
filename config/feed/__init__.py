"""The events over HTTP, for those who consume in other languages."""
