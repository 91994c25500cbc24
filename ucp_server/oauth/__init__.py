"""OAuth 2.0: where platforms fetch the access tokens that they show to the shop."""
