ANSWER = "of two"
