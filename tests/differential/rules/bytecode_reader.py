import cloudpickle


def answer() -> object:
    def local() -> int:
        return 3

    try:
        return cloudpickle.loads(cloudpickle.dumps(local))()
    except Exception as error:
        return type(error).__name__
