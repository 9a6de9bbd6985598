"""A run of sheets: planned in a file, made, and plotted one after the other, with a ledger."""
