"""How a field of view is found; `edgeseg.field_of_view` is the way in."""
