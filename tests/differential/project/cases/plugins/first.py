NAME = "first"

if __name__ == "__main__":
    print("ran", __name__, __package__)
