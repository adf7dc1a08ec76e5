import numpy as np
import pandas as pd
from django.http import HttpResponse

DAYS = pd.date_range("2026-01-01", periods=90, freq="D")


def frame() -> pd.DataFrame:
    generator = np.random.default_rng(7)
    return pd.DataFrame({"day": DAYS, "sold": generator.poisson(20, len(DAYS))})


def report(request):
    """Sales by month, as HTML."""
    monthly = frame().set_index("day").resample("MS").sum()
    return HttpResponse(f"<!doctype html><title>Sales</title>{monthly.to_html()}")
