"""What tokens say of themselves off-chain: fetched from strangers, so nothing of it is trusted."""
