"""Pages for people: what the API answers, drawn. No logic of their own."""
