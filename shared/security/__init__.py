"""Who asks, what they may see and do, what is written down about it, and how personal data is kept."""
