"""The log over HTTP, for readers in any language: pages, and server-sent events that a client can resume."""
