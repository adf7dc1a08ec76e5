WHAT = "in the folder"
