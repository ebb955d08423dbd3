"""The log over HTTP, for readers in other languages: pages, and server-sent events that resume where they broke off."""
