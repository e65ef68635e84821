"""One clause of a specification a file, with its sentence as the docstring of what holds it."""
