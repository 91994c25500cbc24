"""The binding for Azotte C2A: an offer, a checkout handed in whole, a tracking number."""
