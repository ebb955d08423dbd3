"""Answer: problem details under /api/, pages elsewhere, with headers that protect; and the OpenAPI document."""
