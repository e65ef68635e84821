"""The room that serves the built pages: the payer's checkout, and the office where it is built."""
