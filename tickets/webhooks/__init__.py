"""The webhooks to the access system, by the Standard Webhooks specification."""
