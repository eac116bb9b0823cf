"""What `serve` adds to a call: web server, pages, laboratory, recordings."""
