"""The domain of sovereign-dns and its clients. Knows nothing of Temporal."""
