"""The one seam to the network: every provider call passes the guard of its connection."""
