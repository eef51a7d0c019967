"""Input as Segment and RudderStack send it."""
