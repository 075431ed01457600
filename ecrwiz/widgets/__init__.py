"""Reusable widgets; none of them knows what a step is about."""
