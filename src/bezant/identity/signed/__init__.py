"""Partners who sign their requests, or show a certificate of our own authority."""
