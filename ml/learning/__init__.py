"""What models are made by: step tables, classic models, and the ways to learn that fit a history."""
