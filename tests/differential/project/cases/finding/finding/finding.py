WHAT = "the module in the package"
