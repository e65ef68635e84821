"""People: signing up, passkeys, codes, recovery, proving anew, and the letters about it."""
