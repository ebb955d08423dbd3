"""The pages on which a person changes a ticket, and what keeps the page of a ticket live."""
