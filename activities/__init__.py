"""The activities: one class for each outside system; thin, they call the client and report."""
