ROOT_URLCONF = "site_.urls"
SECRET_KEY = "x"
