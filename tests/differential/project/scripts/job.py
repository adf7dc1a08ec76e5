#!/usr/bin/env python3
import os
import sys

import django

print("job", sys.argv[1:], os.path.basename(__file__), django.VERSION[0] > 4)
