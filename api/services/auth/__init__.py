"""Sign-In With Solana: who a browser or a program speaks for, and for how long."""
