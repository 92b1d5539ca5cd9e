"""The studio's server: the HTTP API and the page, behind `impasto serve`.

A front end, as the command line is: it parses, calls recipes of the package, and reports. All
modules but `site` need the extra `serve`, and only the verb imports them.
"""
