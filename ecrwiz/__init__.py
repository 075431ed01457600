"""ecrwiz: from a Node application on your machine to an image in ECR and an identity that CI can push with."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
