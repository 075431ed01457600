"""Tests of the sandbox: real programs, nothing mocked."""
