import dynaconf

settings = dynaconf.DjangoDynaconf(__name__, settings_files=["settings.toml"])
