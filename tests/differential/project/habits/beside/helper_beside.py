TEXT = "from beside"
