"""When a customer will buy an item again: due dates, probabilities, and the units that a shop will sell."""
