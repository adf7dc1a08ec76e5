ANSWER = "of one"
