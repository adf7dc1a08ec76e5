WHAT = "at the root"
