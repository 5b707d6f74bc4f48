"""Where the numbers of the models lie. Nothing here loads a model, and nothing but `pull` reaches for a network."""

from .store import folder, home, missing

__all__ = ["folder", "home", "missing"]
