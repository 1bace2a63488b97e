"""The chapter as a static site: `make book`.

conf        Sphinx's configuration
index       the front page
builder     the front page is index.html
chapters    the notebooks as cards, on the front page
figures     a figure's title for who cannot see it
live        networks that draw in the page, where they have been exported
repository  links to files that are no pages
check       every link, anchor and resource of the built site
"""
