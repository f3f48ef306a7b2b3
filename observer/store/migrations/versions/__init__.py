"""One module for each revision of the store, in order."""
