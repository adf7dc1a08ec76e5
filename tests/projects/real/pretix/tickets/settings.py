from pretix.settings import *
