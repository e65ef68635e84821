"""The OpenID provider: who signs in to which client, and what tokens that gives."""
