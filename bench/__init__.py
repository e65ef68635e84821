"""What is measured against what. Runs from a checkout: `bezant bench floor|ledger`."""
