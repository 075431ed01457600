"""What happens, in which order: steps, the engine that runs them, the journal that remembers."""
