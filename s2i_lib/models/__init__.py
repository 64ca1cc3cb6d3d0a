"""The networks: what listens, what teaches, what draws and what scores. Nothing here trains."""
