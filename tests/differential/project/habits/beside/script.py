import helper_beside

print(helper_beside.TEXT, __name__)
