"""The chapter as a static site: `make book`.

conf        Sphinx's configuration
index       the front page
builder     the front page is index.html
chapters    the notebooks as cards, on the front page
figures     a figure's title for who cannot see it
languages   pages in two languages lead to each other
live        networks that draw in the page, where they have been exported
repository  links to files that are no pages
translation a notebook's prose in Chinese
in_step     what of it is out of step with the notebook
check       every link, anchor and resource of the built site
"""
