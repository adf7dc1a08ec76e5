raise RuntimeError("a private module, which no listing imports")
