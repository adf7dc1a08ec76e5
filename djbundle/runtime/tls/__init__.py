"""HTTPS by itself: certificates by ACME, from files, or of a local authority; renewed and put in place while serving.

keeper.py reads like the table of contents.
"""
