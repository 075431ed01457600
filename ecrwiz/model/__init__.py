"""Pure data and rules: no input or output happens in here."""
