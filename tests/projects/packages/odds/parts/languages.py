LANGUAGE_CODE = "sr-latn"
