"""An evaluation as a page, and the card of a model."""
