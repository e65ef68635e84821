"""The pieces tests share: servers, journals, processes, ports and a network that misbehaves."""
