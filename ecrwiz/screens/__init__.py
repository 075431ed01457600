"""One screen a file; screens show the run and send commands to it."""
