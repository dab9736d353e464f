"""Our client libraries against the real hub."""
