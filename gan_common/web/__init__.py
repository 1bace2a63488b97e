"""A network as a page that needs nothing but a browser: `pages`; and where its runtime is from: `runtime`."""
