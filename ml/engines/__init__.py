"""How a model runs, whatever it computes."""
