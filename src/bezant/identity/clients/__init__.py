"""OpenID clients in the hands of the merchant that they belong to."""
