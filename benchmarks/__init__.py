"""The measured facts, and how fast and how lean the losses are beside what their users call today."""
