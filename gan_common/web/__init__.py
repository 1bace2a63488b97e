"""A network as a page that needs nothing but a browser: `site`; and where its runtime is from: `runtime`."""
