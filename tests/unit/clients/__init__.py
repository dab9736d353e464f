"""Our client libraries, without a network."""
