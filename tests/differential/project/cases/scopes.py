import os


def eval_in_comp():
    y = 5
    return [eval("y") for _ in range(1)]


def eval_in_comp_var():
    return [eval("i") for i in range(2)]


def exec_local():
    d = {}
    exec("q=1", {}, d)
    return d


def exec_plain():
    x = 1
    exec("x=2")
    return x


def locals_in_comp():
    return [sorted(k for k in locals() if not k.startswith(".")) for i in range(1)]


def format_locals_in_comp():
    n = "a"
    return ["{i}".format(**locals()) for i in range(2)]


def locals_plain():
    a = 1
    b = 2
    return dict(locals())


def vars_plain():
    a = 1
    return dict(vars())


def dir_plain():
    a = 1
    return dir()


def eval_plain():
    a = 1
    return eval("a+1")


def eval_nested_lambda():
    a = 1
    return (lambda: eval("a"))() if False else (lambda a=a: eval("a"))()


def import_errors():
    out = []
    for s in ("from os import nope", "import os.nope", "from nopkg import x"):
        try:
            exec(s)
        except Exception as e:
            out.append(type(e).__name__ + ": " + str(e).split(" (")[0])
    try:
        from os import nope
    except ImportError as e:
        out.append(str(e).split(" (")[0])
    try:
        import os.nope
    except ImportError as e:
        out.append(str(e))
    return out


def exec_module_level_func():
    ns = {}
    exec("def f(x): return x*2", ns)
    return ns["f"](4), type(ns["f"]) is type(exec_module_level_func)


def exec_globals():
    exec("_zz=1", globals())
    return _zz


def compile_eval():
    return eval(compile("1+1", "x", "eval"))


def eval_closure():
    x = 1

    def f():
        return eval("x")

    try:
        return f()
    except NameError as e:
        return str(e)


def cellvar_locals():
    x = 1

    def f():
        return x

    return sorted(locals())


def locals_write():
    a = 1
    locals()["a"] = 5
    return a


def class_locals():
    class A:
        x = 1
        y = sorted(k for k in locals() if not k.startswith("__"))

    return A.y


def exec_in_class():
    class A:
        exec("z=3")

    return A.z
