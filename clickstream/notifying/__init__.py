"""What sites write to people: summaries by mail, alerts by mail and to webhooks."""
