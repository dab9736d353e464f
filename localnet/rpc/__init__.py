"""The JSON-RPC methods of a validator, over a chain on this machine."""
