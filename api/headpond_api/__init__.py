"""Serve Headpond over HTTP."""
