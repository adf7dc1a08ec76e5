"""The part of djbundle that runs on the server: the start, the settings overlay, the web server, the supervisor."""
