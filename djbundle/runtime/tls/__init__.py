"""Automatic HTTPS: certificates by ACME, from files, or of a local authority; renewed and replaced while serving.

Read certificate_manager.py first: it is like a table of contents.
"""
