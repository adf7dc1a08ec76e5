def type_alias_local():
    type A = list[int]
    return str(A.__value__)


def type_alias_generic():
    type A[T] = list[T]
    return str(A[int]), str(A.__type_params__)


def generic_function_local():
    def f[T](x: T) -> T:
        return x

    return f(1), str(f.__type_params__)


def generic_class_local():
    class C[T]:
        x: T

    return str(C.__type_params__), str(C[int])
