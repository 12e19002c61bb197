"""The commands for people behind script/: nothing of it belongs to the integration, and nothing of it is installed."""
