"""The steps, one a file; `ecrwiz.flow.runbook` lists them."""
