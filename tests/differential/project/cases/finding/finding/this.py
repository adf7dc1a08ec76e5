WHAT = "not the standard library"
