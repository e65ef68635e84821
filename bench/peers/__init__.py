"""Other systems, measured when their program is on this machine; none of their code is here."""
